# maths_ratio.gp - speed of nn.h over that of the best peer, a bar for each case
load ARG0[1:strstrt(ARG0, 'maths_ratio.gp') - 1] . 'style.gp'
stats csv using 0 skip 1 nooutput
rows = STATS_records
set terminal pngcairo size 1100, 120 + 21 * rows font 'DejaVu Sans,11'
set output out
set title 'on one thread, ' . isa . ': speed of nn.h relative to the best peer' font 'DejaVu Sans Bold,14'

set logscale x 2
set xrange [0.125:128]
set xtics ('⅛' 0.125, '¼' 0.25, '½' 0.5, '1' 1, '2' 2, '4' 4, '8' 8, '16' 16, '32' 32, '64' 64, '128' 128)
set xlabel 'right of 1: nn.h is faster; beside each bar, the ratio and the best peer'
set yrange [rows - 0.4:-0.6]
set ytics scale 0 noenhanced
set grid x noy linecolor rgb '#cccccc'
set lmargin 30; set rmargin 4
set arrow 1 from 1, graph 0 to 1, graph 1 nohead linecolor rgb grey linewidth 1.5 front
set style fill solid 1.0 noborder

bar(r) = r < 1 ? 0xD55E00 : 0x0072B2
plot csv using 8:0:(1):8:($0 - 0.38):($0 + 0.38):(bar($8)):ytic(1) skip 1 with boxxyerror linecolor rgb variable, \
     csv using ($8 < 1 ? 1 : $8):0:(sprintf('  %.2f  %s', $8, stringcolumn(7))) skip 1 with labels left font ',10' textcolor rgb '#222222'
