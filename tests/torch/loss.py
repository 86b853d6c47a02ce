"""Values and gradients of torch's losses. Ours are means over rows of sums over columns; the sums of torch are divided by hand."""
import torch
import torch.nn.functional as F

from _save import Area

ROWS, N = 6, 5
WEIGHTS = torch.tensor([0.5, 2.0, 1.0, 0.25, 3.0])


def main():
    with Area('loss') as area:
        x, labels = 2 * torch.randn(ROWS, N), torch.tensor([0, 4, 2, 2, 1, 3])
        soft, free = F.softmax(torch.randn(ROWS, N), 1), torch.randn(ROWS, N)
        p, log_p = F.softmax(x, 1), F.log_softmax(x, 1)
        hot = F.one_hot(labels, N).float()
        for name, tensor in (('x', x), ('labels', labels), ('soft', soft), ('free', free), ('p', p), ('log_p', log_p), ('weights', WEIGHTS)):
            area.save(name, tensor)

        def case(name, at, loss):
            at = at.clone().requires_grad_()
            value = loss(at)
            value.backward()
            area.save(name + '.value', value)
            area.save(name + '.dx', at.grad)

        case('cross_entropy', x, lambda o: F.cross_entropy(o, labels))
        case('cross_entropy_smooth', x, lambda o: F.cross_entropy(o, labels, label_smoothing=0.1))
        case('cross_entropy_weighted', x, lambda o: F.cross_entropy(o, labels, WEIGHTS))
        case('cross_entropy_both', x, lambda o: F.cross_entropy(o, labels, WEIGHTS, label_smoothing=0.1))
        case('cross_entropy_soft', x, lambda o: F.cross_entropy(o, soft))
        case('nll', log_p, lambda o: F.nll_loss(o, labels))
        case('nll_weighted', log_p, lambda o: F.nll_loss(o, labels, WEIGHTS))
        case('ce', p, lambda o: -(soft * o.log()).sum() / ROWS)
        case('bce', p, lambda o: F.binary_cross_entropy(o, soft, reduction='sum') / ROWS)
        case('bce_logits', x, lambda o: F.binary_cross_entropy_with_logits(o, soft, reduction='sum') / ROWS)
        case('softmax_bce', x, lambda o: F.binary_cross_entropy(F.softmax(o, 1), hot, reduction='sum') / ROWS)
        case('softmax_mse', x, lambda o: F.mse_loss(F.softmax(o, 1), soft, reduction='sum') / (2 * ROWS))
        case('mse', x, lambda o: F.mse_loss(o, free, reduction='sum') / (2 * ROWS))
        case('mae', x, lambda o: F.l1_loss(o, free, reduction='sum') / ROWS)
        case('huber', x, lambda o: F.huber_loss(o, free, reduction='sum', delta=0.7) / ROWS)
        case('hinge', x, lambda o: F.multi_margin_loss(o, labels, reduction='sum') * N / ROWS)


main()
