# gemm_ratio.gp - speed of nn.h over that of the best peer: the cubes, and the three products of each layer by batch size
load ARG0[1:strstrt(ARG0, 'gemm_ratio.gp') - 1] . 'style.gp'
set terminal pngcairo size 1500, 1040 font 'DejaVu Sans,12' linewidth 1.5
set output out
# The ranges hold all values, and 1 with room around it. (A range that is set would hide values from stats.)
stats cube_rows using ratio name 'of_cubes' nooutput
stats "< grep '^b[0-9]' " . csv using ratio name 'of_layers' nooutput
low(x) = 0.95 * (x < 0.8 ? x : 0.8)
high(x) = 1.05 * (x > 1.25 ? x : 1.25)

set multiplot layout 2, 2 title 'sgemm on one thread, ' . isa . ': speed of nn.h relative to the best peer at each shape' \
    font 'DejaVu Sans Bold,15' margins 0.06, 0.98, 0.08, 0.87 spacing 0.07, 0.13

set logscale y 2
set ytics ('0.1' 0.1, '0.15' 0.15, '0.2' 0.2, '0.3' 0.3, '0.4' 0.4, '0.5' 0.5, '0.6' 0.6, '0.7' 0.7, '0.8' 0.8, '0.9' 0.9, \
    '1' 1, '1.25' 1.25, '1.5' 1.5, '2' 2, '2.5' 2.5, '3' 3, '4' 4, '5' 5)
set arrow 1 from graph 0, first 1 to graph 1, first 1 nohead linecolor rgb grey linewidth 1.5 back
set ylabel 'above 1: nn.h is faster' offset 1

set title 'cubes, n × n × n' font 'DejaVu Sans Bold,13'
set yrange [low(of_cubes_min):high(of_cubes_max)]
set logscale x 2
set xrange [3.6:2300]
set xtics 4, 2
set xlabel 'n'
plot cube_rows using 1:ratio with linespoints linecolor rgb blue pointtype 7 pointsize 1.2

unset logscale x
set yrange [low(of_layers_min):high(of_layers_max)]
set xrange [0.6:words(batches) + 0.4]
eval 'set xtics (' . batch_tics . ')'
set xlabel 'batch size; a line for each layer, in × out'
set key at screen 0.52, 0.935 center center horizontal maxrows 2 samplen 2.5
do for [p = 1:3] {
    set title word(titles, p) font 'DejaVu Sans Bold,13'
    plot for [l = 1:words(layers)] layer_rows(word(layers, l), word(products, p)) \
        using (batch_at($1)):ratio with linespoints linecolor rgb colours[l] pointtype 2 * l + 3 pointsize 1.1 title word(layers, l)
    unset key
}
unset multiplot
