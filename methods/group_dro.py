"""Group DRO: distributionally robust optimisation, in which groups with a higher loss get more weight."""

from harness import Context, Float, Int, Params, Predictor, TrainingData, register_method

from .base.byte_cnn import REQUIRES, SPACE, ByteCNNBase


@register_method(
    "group-dro",
    version=2,
    tags=("groups",),
    summary="byte-cnn, groups weighted by exponentiated-gradient ascent on their losses",
    reference="Sagawa et al. 2020, arXiv 1911.08731",
    contrasts=("byte-cnn",),
    requires=REQUIRES,
)
class GroupDRO(ByteCNNBase):
    """Group DRO with batches balanced by group, as in the paper's code."""

    space = {
        **SPACE,
        "rate": Float(1e-3, 1e-1, default=1e-2, log=True),  # DomainBed and SubpopBench: 0.01, 10^U(-3, -1)
        "adjustment": Int(0, 5, default=0),  # Sagawa et al.: C from 0 to 5
    }

    def fit(self, train: TrainingData, validation: TrainingData, params: Params, context: Context) -> Predictor:
        """Trains for at most 10 epochs."""
        import torch

        from .neural.robust import sampling
        from .neural.robust.heads import GroupDROHead
        from .neural.training import LoopOptions, fit_classifier, seed_everything

        assert train.groups is not None
        assert validation.groups is not None
        seed_everything(context)
        tower = self.tower(params)
        groups = torch.from_numpy(train.groups)
        head = GroupDROHead(tower.width, len(context.classes), groups, params["rate"], params["adjustment"])
        options = LoopOptions(sampling.balanced_sampler(train.groups), sampling.balancing_weights(validation.groups))
        return fit_classifier(tower, head, train, validation, self.settings(params), context, options)
