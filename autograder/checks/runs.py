"""The claims on code without which no run of a kind can be made: another's runs earn nothing.

Only what a run can't do without: a network that computes, one that converts, one that fine-tunes.
A scale or a fusion that is wrong in part makes runs all the same, and costs its own points.
"""

TRAINING = (
    "forward.block_without_shortcut",
    "forward.block_with_shortcut",
    "forward.network_logits",
)
PTQ_RUN = (*TRAINING, "ptq.converts")
QAT_RUN = (*TRAINING, "qat.weights_move")
ALL_RUNS = (*PTQ_RUN, "qat.weights_move")
# What a drop means nothing without: the network that loses was made from the other one.
DROP_FOLLOWS = {
    "accuracy.ptq_drop": ("runs.ptq_weights",),
    "accuracy.qat_drop": ("runs.qat_weights",),
}
