# style.gp - what the pictures share: the colours of Okabe and Ito, which colour-blind readers tell apart
blue = '#0072B2'; orange = '#E69F00'; green = '#009E73'; red = '#D55E00'; purple = '#CC79A7'; sky = '#56B4E9'; grey = '#777777'
array colours[6] = [blue, orange, green, red, purple, sky]

set datafile separator ','
set border 3 linecolor rgb '#444444'
set tics nomirror out scale 0.6
set grid y linecolor rgb '#cccccc' linewidth 1
set key noautotitle

# The layers and batch sizes of bench_gemm.c.
layers = '784x300 300x100 784x800 784x2500 2500x2000 800x10'
products = 'XW XtdY dYWt'
titles = '"forward, XW" "weight gradient, X^TdY" "input gradient, dYW^T"'
batches = '1 6 16 32 50 64 100 128 256'

# Rows `batch,value...` of one product of one layer, in the order of the batches: columns after the case as in the CSV.
layer_rows(layer, product) = sprintf("< sed -n 's/^b\\([0-9]*\\) %s %s,/\\1,/p' %s", layer, product, csv)
cube_rows = sprintf("< sed -n 's/^cube \\([0-9]*\\),/\\1,/p' %s", csv)

# Columns: 5 ours, 6 best peer, 8 ratio, 9 share of the limit.
ours = 5; peer = 6; ratio = 8; share = 9
batch_at(batch) = sum [i = 1:words(batches)] (int(word(batches, i)) == int(batch) ? i : 0)
batch_tics = ''
do for [i = 1:words(batches)] { batch_tics = batch_tics . sprintf('%s"%s" %d', i > 1 ? ', ' : '', word(batches, i), i) }
