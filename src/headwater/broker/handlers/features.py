"""Features of the cluster (KIP-584): which there are, and UpdateFeatures, which can change none of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from headwater.broker.acls import CLUSTER_NAME, Operation, Resource
from headwater.broker.errors import Code
from headwater.broker.session import Context
from headwater.broker.transactions.coordinator import TV2
from headwater.wire.messages import UpdateFeaturesRequest, UpdateFeaturesResponse

if TYPE_CHECKING:
    from headwater.broker.broker import Broker

FEATURES = {"transaction.version": TV2, "group.version": 1}
"""What clients may rely on, and the level: KIP-890 and KIP-848. They were numbered from 0, but clients of
before KIP-1022 refuse an answer with a lowest level of 0."""

Update = UpdateFeaturesRequest.FeatureUpdateKey
Result = UpdateFeaturesResponse.UpdatableFeatureResult


def update_features(broker: Broker, context: Context, request: UpdateFeaturesRequest) -> UpdateFeaturesResponse:
    """A feature may be raised to the level that it has. One that cannot be changed fails the whole request."""
    if not broker.allows(context, Operation.ALTER, Resource.CLUSTER, CLUSTER_NAME):
        return UpdateFeaturesResponse(error_code=Code.CLUSTER_AUTHORIZATION_FAILED)
    results = [_updated(update) for update in request.feature_updates]
    failed = next((result for result in results if result.error_code), None)
    if failed is None:
        return UpdateFeaturesResponse(results=results)
    return UpdateFeaturesResponse(error_code=failed.error_code, error_message=failed.error_message)


def _updated(update: Update) -> Result:
    level = FEATURES.get(update.feature)
    if update.max_version_level == level:
        return Result(feature=update.feature)
    why = "there is no such feature" if level is None else f"it is at level {level} here, always"
    message = f"The feature {update.feature} cannot be set to level {update.max_version_level}: {why}."
    return Result(feature=update.feature, error_code=Code.INVALID_UPDATE_VERSION, error_message=message)
