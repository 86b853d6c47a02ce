# gemm_speed.gp - GFLOP/s of nn.h, of the best peer, and of the hardware: the cubes, and each product of each layer
load ARG0[1:strstrt(ARG0, 'gemm_speed.gp') - 1] . 'style.gp'
set terminal pngcairo size 1800, 1360 font 'DejaVu Sans,11' linewidth 1.5
set output out
set multiplot title 'sgemm on one thread, ' . isa . ': GFLOP/s' font 'DejaVu Sans Bold,17'
limit(x) = column(ours) / column(share)
set yrange [0:*]

set lmargin at screen 0.05; set rmargin at screen 0.985
set tmargin at screen 0.92; set bmargin at screen 0.72
set logscale x 2
set xrange [3.6:2300]
set xtics 4, 2
set key bottom right Left reverse samplen 3 spacing 1.3 font ',13'
set xlabel 'n' offset 0, 0.5
set title 'cubes, n × n × n' font 'DejaVu Sans Bold,13'
plot cube_rows using 1:(limit(0)) with lines linecolor rgb grey dashtype 2 title 'limit measured in the same run', \
     cube_rows using 1:peer with linespoints linecolor rgb orange pointtype 5 pointsize 1.2 title 'best peer', \
     cube_rows using 1:ours with linespoints linecolor rgb blue pointtype 7 pointsize 1.2 title 'nn.h'
unset key

# Below, a panel for each product (down) of each layer (across).
unset logscale x
set xrange [0.6:words(batches) + 0.4]
eval 'set xtics (' . batch_tics . ') font ",9"'
do for [p = 1:3] {
    do for [l = 1:words(layers)] {
        set lmargin at screen 0.05 + (l - 1) * 0.158; set rmargin at screen 0.05 + (l - 1) * 0.158 + 0.132
        set tmargin at screen 0.63 - (p - 1) * 0.205; set bmargin at screen 0.63 - (p - 1) * 0.205 - 0.155
        set title (p == 1 ? '{/:Bold=13 ' . word(layers, l) . "}\n" : '') . word(titles, p) font 'DejaVu Sans,11' offset 0, -0.6
        if (p == 3) { set xlabel 'batch size' offset 0, 0.5 } else { unset xlabel }
        rows = layer_rows(word(layers, l), word(products, p))
        plot rows using (batch_at($1)):(limit(0)) with lines linecolor rgb grey dashtype 2, \
             rows using (batch_at($1)):peer with linespoints linecolor rgb orange pointtype 5 pointsize 0.8, \
             rows using (batch_at($1)):ours with linespoints linecolor rgb blue pointtype 7 pointsize 0.8
    }
}
unset multiplot
