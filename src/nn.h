/* nn.h - neural networks on the CPU: one file, the best kernels of every processor, the same bits everywhere
 *
 * Do this
 *
 *     #define NN_IMPLEMENTATION
 *     #include "nn.h"
 *
 * in one C or C++ file; elsewhere include it without the define. Link with -lsleef -lm (Debian: libsleef-dev), or define
 * NN_NO_SLEEF and link with -lm only:
 *
 *     cc -O2 app.c -lsleef -lm
 *
 * No -mavx2 or -march is needed or wanted: every kernel is compiled for each instruction set, and the best one that the
 * processor and the system run is chosen when the program starts to use it. C11 or C++17; GCC 9, Clang 11 or later; x86-64
 * and AArch64, and plain C anywhere else.
 *
 * A complete program
 *
 *     #define NN_IMPLEMENTATION
 *     #include "nn.h"
 *     #include <stdio.h>
 *
 *     int main(void) {
 *         enum { BATCH = 4, IN = 3, OUT = 2 };
 *         float x[BATCH * IN], w[IN * OUT], p[BATCH * OUT];
 *         nn_random random = {42, 0, 0};
 *         nn_random_normal(x, BATCH * IN, 0.0f, 1.0f, &random);
 *         nn_random_uniform(w, IN * OUT, -1.0f, 1.0f, &random);
 *         nn_status status = nn_sgemm(p, x, w, BATCH, OUT, IN, 1.0f, 0.0f, NULL);
 *         if (status != NN_OK) {
 *             fprintf(stderr, "%s\n", nn_status_message(status));
 *             return 1;
 *         }
 *         nn_softmax(p, p, BATCH, OUT);
 *         for (int i = 0; i < BATCH; i++) printf("%.6f %.6f\n", p[i * OUT], p[i * OUT + 1]);
 *         return 0;
 *     }
 *
 * It prints the same digits on every machine.
 *
 * A network is a graph of layers; each call names its input. Mistakes need not be looked for until the build. This learns to read digits,
 * drawn by nn.h itself if there is no MNIST, and keeps what it has learned in a file:
 *
 *     nn_dataset train, test;
 *     nn_status status = nn_make_digits(&train, 0, 10000, 1, NULL); // or nn_load_mnist(&train, &test, "mnist", NULL, NULL)
 *     if (status == NN_OK) status = nn_make_digits(&test, 10000, 2000, 1, NULL);
 *     nn_model *m = nn_model_new(NULL);
 *     nn_node x = nn_layer_input(m, nn_shape_image(28, 28, 1));
 *     x = nn_layer_dense(m, x, 300);
 *     x = nn_layer_relu(m, nn_layer_batch_norm(m, x));
 *     x = nn_layer_dropout(m, x, 0.1f);
 *     x = nn_layer_dense(m, x, 10);
 *     nn_layer_loss(m, x, NN_LOSS_SOFTMAX_CE);
 *     if (status == NN_OK) status = nn_model_build(m, NULL);
 *     nn_fit_desc fit = {0};
 *     fit.optimizer = nn_adam(1e-3f);
 *     fit.epochs = 5;
 *     fit.watch = nn_progress; // prints
 *     if (status == NN_OK) status = nn_fit(m, &train, &test, &fit);
 *     if (status == NN_OK) status = nn_model_save(m, "digits.nn");
 *     if (status != NN_OK) fprintf(stderr, "%s\n", nn_error(m));
 *     nn_model_free(m);
 *     nn_dataset_free(&train);
 *     nn_dataset_free(&test);
 *
 * The same loop in the open, a batch forward and back and a step of an optimizer; any other loop works as well
 *
 *     enum { BATCH = 50, CLASSES = 10 };
 *     static float images[BATCH * 784], probabilities[BATCH * CLASSES];
 *     static uint32_t labels[BATCH];
 *     nn_model *m = nn_model_new(NULL);
 *     nn_node input = nn_layer_input(m, nn_shape_vector(784));
 *     nn_node x = nn_layer_relu(m, nn_layer_dense(m, input, 300));
 *     nn_node loss = nn_layer_loss(m, nn_layer_dense(m, x, CLASSES), NN_LOSS_SOFTMAX_CE);
 *     nn_build_desc build = {0};
 *     build.seed = 1;
 *     build.batch = BATCH;
 *     nn_trainer *trainer = NULL;
 *     nn_status status = nn_model_build(m, &build);
 *     if (status == NN_OK) status = nn_trainer_new(&trainer, m, NULL); // Adam
 *     if (status == NN_OK) status = nn_feed(m, input, images);
 *     if (status == NN_OK) status = nn_feed_labels(m, loss, labels);
 *     for (int step = 0; step < 100 && status == NN_OK; step++) status = nn_trainer_batch(trainer, BATCH);
 *     nn_trainer_finish(trainer);
 *     if (status == NN_OK) status = nn_predict(m, probabilities, images, BATCH);
 *     if (status != NN_OK) fprintf(stderr, "%s\n", nn_error(m));
 *     nn_trainer_free(trainer);
 *     nn_model_free(m);
 *
 * Options, each a define before the include that has the implementation
 *
 *   NN_NO_SLEEF          exp and log from nn.h itself: no library, other bits (also the same everywhere)
 *   NN_ZLIB              data packed by gzip are read, by zlib: link with -lz
 *   NN_STATIC            everything is private to this file; every file that includes nn.h needs the implementation then
 *   NN_SCALAR_ONLY       leave the vector kernels out
 *   NN_DEBUG             check with assert what only a mistake in the program can break; NN_ASSERT(x) replaces assert
 *   NN_ALLOW_FAST_MATH   compile in spite of -ffast-math, and give up the promise of equal bits
 *
 * What there is
 *
 *   training     nn_fit; nn_trainer_new _batch _step _run for loops of one's own; nn_progress, nn_find_rate, nn_classifier
 *   optimizers   nn_sgd _momentum _nesterov _adagrad _rmsprop _adadelta _adam _adamw _amsgrad _adamax _nadam _lion _ftrl
 *                _adagrad_da _proximal_gd _proximal_adagrad, or nn_optimizer_named; nn_optimizer_step for arrays without a
 *                network; nn_schedule_..., nn_clip_norm, nn_average_update; nn_layer_rate, nn_parameter_decay
 *   in use       nn_evaluate, nn_predict_dataset, nn_confusion_of; nn_predict_ensemble, nn_predict_views, nn_snapshots_add
 *   files        nn_model_save, nn_model_load; nn_model_note, nn_csv_note for what goes with a network; nn_trainer_save to go on
 *                later; nn_weights_load, also from PyTorch; nn_export_c, nn_export_dot
 *   data         nn_dataset_of, nn_load_mnist _idx _cifar _csv _npy _pnm _image_folder; nn_make_digits _moons _circles _spirals _blobs
 *                _sine _polynomial; nn_dataset_split _fold _balance _select _shuffle _join; nn_batches_next; nn_scaler_fit,
 *                nn_layer_scale; nn_categories_of, nn_one_hot, nn_binary_code
 *   pictures     nn_image_flip _crop _ten_crop _pad _affine _upright _resize _elastic _adjust _noise _cutout; nn_augment for
 *                nn_fit, nn_mixup
 *   networks     nn_model_new; nn_layer_input _dense _conv2d _depthwise _max_pool _average_pool _global_average_pool, each
 *                activation, _prelu _softmax, _add _sub _mul _concat _reshape _flatten, _exp _log _reciprocal _linear, _batch_norm
 *                _layer_norm _group_norm _instance_norm, _dropout _noise, _loss _custom_loss; nn_model_build, nn_summary
 *   at work      nn_feed, nn_forward, nn_backward, nn_loss_value, nn_activation_of, nn_gradient_of, nn_predict, nn_model_input,
 *                nn_model_output; nn_workspace_new for many threads on one model; nn_statistics_begin and nn_fold for batch norm
 *   parameters   nn_parameters_of, nn_parameter_named, nn_layer_init, nn_layer_penalty, nn_layer_max_norm, nn_freeze
 *   matrices     nn_sgemm, with bias and activation; nn_sgemm_pack and nn_sgemm_packed for weights used many times
 *   functions    nn_exp nn_log nn_tanh nn_sigmoid nn_softplus nn_elu nn_selu nn_relu nn_leaky_relu nn_step nn_gelu
 *                nn_gelu_tanh nn_silu nn_prelu, nn_activate by name, and derivatives; nn_reciprocal nn_clip nn_add nn_sub nn_mul
 *                nn_mul_add nn_scale nn_axpy nn_add_row
 *   rows         nn_softmax nn_log_softmax nn_log_sum_exp, and derivatives
 *   images       nn_conv2d with bias and activation, nn_max_pool2d nn_average_pool2d nn_global_average_pool, and gradients
 *   columns      nn_sum_columns nn_affine nn_moments_add nn_moments_get
 *   norms        nn_batch_norm_statistics nn_batch_norm nn_layer_norm nn_group_norm, and derivatives; averages of the
 *                statistics, the affine form for tests, and folding into the layer before
 *   dropout      nn_dropout nn_dropout_channels nn_add_normal
 *   reductions   nn_sum nn_sum_squares nn_sum_abs nn_norm nn_dot nn_max nn_argmax
 *   losses       nn_loss_run: value and gradient of eleven losses, from labels or targets, with weights and smoothing
 *   metrics      nn_accuracy nn_top_k_accuracy nn_binary_accuracy, nn_confusion_add and the scores from it,
 *                nn_mean_squared_error nn_mean_absolute_error nn_r_squared, nn_mark_alive nn_dead_share
 *   weights      nn_init_fill; nn_penalty nn_penalty_backward nn_max_norm nn_zero_small
 *   random       nn_random_bits _uniform _normal _mask _below _permutation
 *   the machine  nn_isa, nn_isa_force, nn_threads, nn_threads_hook
 *
 * A layer, forward and back
 *
 *     enum { BATCH = 50, IN = 784, OUT = 300 };
 *     static float x[BATCH * IN], w[IN * OUT], b[OUT], h[BATCH * OUT];
 *     static float dx[BATCH * IN], dw[IN * OUT], dh[BATCH * OUT];
 *     nn_sgemm_desc dense = {0}, by_weight = {0}, by_input = {0};
 *     dense.bias = b;
 *     dense.activation = NN_RELU;
 *     by_weight.transpose_a = 1;
 *     by_input.transpose_b = 1;
 *     nn_status s = nn_sgemm(h, x, w, BATCH, OUT, IN, 1, 0, &dense);                     // h  = relu(x w + b)
 *     nn_activate_backward(dh, dh, h, BATCH * OUT, NN_RELU, 0);                          // dh = dh * relu'(h)
 *     if (s == NN_OK) s = nn_sgemm(dw, x, dh, IN, OUT, BATCH, 1, 0, &by_weight);         // dw = x' dh
 *     if (s == NN_OK) s = nn_sgemm(dx, dh, w, BATCH, IN, OUT, 1, 0, &by_input);          // dx = dh w'
 *     if (s != NN_OK) fprintf(stderr, "%s\n", nn_status_message(s));
 *
 * Words: the destination is always the first argument, then inputs, sizes, options. Matrices are row-major. B or m is the
 * batch, k what is summed over, n the columns. A gradient is named like its value with a d in front.
 *
 * Memory: arrays are the caller's, of any alignment. Functions that return no status take no memory. nn_sgemm and nn_conv2d may
 * take a workspace and give it back; nn_packed owns its copy until nn_packed_free. A network takes all its memory when it
 * is built and none afterwards, nn_fit some for its batches; a dataset holds its data until nn_dataset_free. Every allocation
 * goes through nn_allocator if one is given. In place is fine where a comment says "y may be x"; otherwise arrays must not overlap.
 *
 * Errors: what the world can break returns nn_status, NN_OK being 0, which the compiler warns about if it is dropped. The
 * library never prints unless asked to (nn_progress), exits or aborts, and a call that fails has changed nothing. What was wrong
 * is a sentence in nn_error(model), or in the nn_report of calls that read files without a model.
 *
 * Threads: one by default. nn_threads(n) lets calls share their work through OpenMP (compile with -fopenmp) or through the
 * caller's own loop (nn_threads_hook). Any number of threads may call nn.h at once. Set threads, hook and instruction set
 * before they do.
 *
 * Numerics: the same call gives the same bits on AVX-512, AVX2, NEON and plain C, for every compiler, optimisation level
 * and number of threads. Sums run in a fixed order of 16 lanes, products as chains of fused multiply-adds; the comments at
 * the functions say which. Accuracy over all floats is stated there too. The sign and payload of a NaN are not part of the
 * promise. With SLEEF on a processor without FMA (before 2013) exp and log come from nn.h itself: see nn_maths_backend.
 *
 * Instruction set: NN_ISA=avx2 in the environment, or nn_isa_force("avx2"), runs that one, for tests and measurements.
 *
 * MIT licence, at the end of this file.
 */
#ifndef NN_H
#define NN_H

#include "config.h"
#include "status.h"
#include "alloc.h"
#include "isa.h"
#include "threads.h"
#include "random.h"
#include "activation.h"
#include "maths.h"
#include "reduce.h"
#include "columns.h"
#include "prelu.h"
#include "moments.h"
#include "batch_norm.h"
#include "layer_norm.h"
#include "group_norm.h"
#include "dropout.h"
#include "softmax.h"
#include "gemm.h"
#include "conv.h"
#include "pool.h"
#include "loss.h"
#include "metrics.h"
#include "regularize.h"
#include "init.h"
#include "graph/shape.h"
#include "graph/model.h"
#include "layers/input.h"
#include "layers/dense.h"
#include "layers/conv.h"
#include "layers/pool.h"
#include "layers/activation.h"
#include "layers/gates.h"
#include "layers/norm.h"
#include "layers/dropout.h"
#include "layers/loss.h"
#include "graph/parameter.h"
#include "graph/build.h"
#include "graph/run.h"
#include "graph/statistics.h"
#include "graph/summary.h"
#include "report.h"
#include "data/dataset.h"
#include "data/view.h"
#include "data/split.h"
#include "data/balance.h"
#include "data/batches.h"
#include "data/file.h"
#include "data/idx.h"
#include "data/cifar.h"
#include "data/npy.h"
#include "data/pnm.h"
#include "data/folder.h"
#include "data/encode.h"
#include "data/csv_columns.h"
#include "data/csv.h"
#include "data/scaler.h"
#include "layers/scaler.h"
#include "image/image.h"
#include "image/move.h"
#include "image/affine.h"
#include "image/upright.h"
#include "image/resize.h"
#include "image/elastic.h"
#include "image/photometric.h"
#include "image/noise.h"
#include "image/mix.h"
#include "image/augment.h"
#include "image/augment_sample.h"
#include "data/synthetic.h"
#include "data/digits.h"
#include "file/save.h"
#include "file/note.h"
#include "file/load.h"
#include "file/csv_note.h"
#include "file/weights.h"
#include "file/export_c.h"
#include "file/export_dot.h"
#include "train/optimizer.h"
#include "train/optimizer_step.h"
#include "train/schedule.h"
#include "train/average.h"
#include "train/trainer.h"
#include "train/checkpoint.h"
#include "train/evaluate.h"
#include "train/fit.h"
#include "train/progress.h"
#include "train/find_rate.h"
#include "train/ensemble.h"
#include "train/usual.h"

#ifdef NN_IMPLEMENTATION
#include "close.h"
#endif

#endif /* NN_H */
