"""The calls of Cloud Tasks v2 beside queues and tasks: IAM policies, CMEK settings, locations, batches.

Kept and given back as they were sent. Nothing is enforced: there is nobody to protect from here.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

from google.cloud import tasks_v2
from google.cloud.location import locations_pb2
from google.iam.v1 import iam_policy_pb2, policy_pb2
from google.longrunning import operations_pb2
from google.protobuf import empty_pb2

from infra.local.cloud_tasks_emulator import model
from infra.local.cloud_tasks_emulator.model import RpcCode
from infra.local.cloud_tasks_emulator.service import PARENT_NAME, CloudTasks, CloudTasksError, Operation, require
from infra.local.cloud_tasks_emulator.storage import Storage, policy_name

MOST_CREATED, MOST_DELETED = 100, 1000
"""Tasks in one batch (BatchCreateTasksRequest, BatchDeleteTasksRequest)."""
USUAL_LOCATIONS = ("europe-west1", "us-central1")
"""Shown beside those that have queues."""
SERVICE_OF = {
    "ListLocations": "google.cloud.location.Locations",
    "GetLocation": "google.cloud.location.Locations",
    "GetOperation": "google.longrunning.Operations",
}
"""Where a call is not one of google.cloud.tasks.v2.CloudTasks."""


class Beside:
    def __init__(self, tasks: CloudTasks, storage: Storage) -> None:
        self._tasks = tasks
        self._storage = storage

    def operations(self) -> dict[str, Operation]:
        return {
            "GetIamPolicy": (self.get_iam_policy, iam_policy_pb2.GetIamPolicyRequest),
            "SetIamPolicy": (self.set_iam_policy, iam_policy_pb2.SetIamPolicyRequest),
            "TestIamPermissions": (self.test_iam_permissions, iam_policy_pb2.TestIamPermissionsRequest),
            "GetCmekConfig": (self.get_cmek_config, tasks_v2.GetCmekConfigRequest.pb()),
            "UpdateCmekConfig": (self.update_cmek_config, tasks_v2.UpdateCmekConfigRequest.pb()),
            "BatchCreateTasks": (self.batch_create_tasks, tasks_v2.BatchCreateTasksRequest.pb()),
            "BatchDeleteTasks": (self.batch_delete_tasks, tasks_v2.BatchDeleteTasksRequest.pb()),
            "ListLocations": (self.list_locations, locations_pb2.ListLocationsRequest),
            "GetLocation": (self.get_location, locations_pb2.GetLocationRequest),
            "GetOperation": (self.get_operation, operations_pb2.GetOperationRequest),
        }

    def get_iam_policy(self, request: Any) -> Any:
        self._require_queue(request.resource)
        return self._kept(policy_name(request.resource), policy_pb2.Policy(etag=b"\x00" * 8))

    def set_iam_policy(self, request: Any) -> Any:
        """Refused with ABORTED where the caller had read another version (its etag)."""
        known = self.get_iam_policy(request)
        if request.policy.etag and request.policy.etag != known.etag:
            raise CloudTasksError(RpcCode.ABORTED, "There were concurrent policy changes. Please retry.")
        policy = policy_pb2.Policy()
        policy.CopyFrom(request.policy)
        policy.etag = (int.from_bytes(known.etag, "big") + 1).to_bytes(8, "big")
        self._storage.keep(policy_name(request.resource), policy.SerializeToString())
        return policy

    def test_iam_permissions(self, request: Any) -> Any:
        self._require_queue(request.resource)
        return iam_policy_pb2.TestIamPermissionsResponse(permissions=request.permissions)

    def get_cmek_config(self, request: Any) -> Any:
        _require_cmek(request.name)
        return self._kept(request.name, tasks_v2.CmekConfig.pb()(name=request.name))

    def update_cmek_config(self, request: Any) -> Any:
        _require_cmek(request.cmek_config.name)
        self._storage.keep(request.cmek_config.name, request.cmek_config.SerializeToString())
        return request.cmek_config

    def batch_create_tasks(self, request: Any) -> Any:
        """Each by itself; the operation is done at once and names those that were refused by their place."""
        require(0 < len(request.requests) <= MOST_CREATED, f"A batch has 1 to {MOST_CREATED} requests.")
        for each in request.requests:
            require(each.parent in ("", request.parent), "All tasks of a batch must be for the same queue.")
        self._require_queue(request.parent)
        metadata, response = tasks_v2.BatchCreateTasksMetadata.pb()(), tasks_v2.BatchCreateTasksResponse.pb()()

        def create(place: int) -> None:
            each = request.requests[place]
            each.parent = request.parent
            response.tasks.append(self._tasks.create_task(each))

        return self._batch(request, metadata, response, len(request.requests), create)

    def batch_delete_tasks(self, request: Any) -> Any:
        require(0 < len(request.names) <= MOST_DELETED, f"A batch has 1 to {MOST_DELETED} names.")
        for name in request.names:
            require(name.startswith(f"{request.parent}/tasks/"), "All tasks of a batch must be of the same queue.")
        self._require_queue(request.parent)

        def delete(place: int) -> None:
            self._tasks.delete_task(tasks_v2.DeleteTaskRequest.pb()(name=request.names[place]))

        metadata = tasks_v2.BatchDeleteTasksMetadata.pb()()
        return self._batch(request, metadata, empty_pb2.Empty(), len(request.names), delete)

    def get_operation(self, request: Any) -> Any:
        operation = self._kept(request.name, None)
        if operation is None:
            raise CloudTasksError(RpcCode.NOT_FOUND, "Requested entity was not found.")
        return operation

    def list_locations(self, request: Any) -> Any:
        found = sorted({*USUAL_LOCATIONS, *self._tasks.locations(request.name)})
        return locations_pb2.ListLocationsResponse(locations=[_location(request.name, each) for each in found])

    def get_location(self, request: Any) -> Any:
        require(PARENT_NAME.fullmatch(request.name), "Invalid resource field value in the request.")
        project, _, location = request.name.rpartition("/locations/")
        return _location(project, location)

    def _batch(self, request: Any, metadata: Any, response: Any, count: int, do: Callable[[int], None]) -> Any:
        """The finished operation. The same request_id again is answered with the same operation."""
        name = f"{request.parent.partition('/queues/')[0]}/operations/{request.request_id or uuid.uuid4()}"
        known = self._kept(name, None)
        if known is not None:
            return known
        model.set_timestamp(metadata.start_time, self._tasks.now())
        for place in range(count):
            try:
                do(place)
            except CloudTasksError as error:
                metadata.failed_requests[place].code = error.code
                metadata.failed_requests[place].message = str(error)
        model.set_timestamp(metadata.end_time, self._tasks.now())
        failed = len(metadata.failed_requests)
        metadata.state = type(metadata).State.Value(
            "SUCCEEDED" if not failed else "FAILED" if failed == count else "PARTIALLY_SUCCEEDED"
        )
        operation = operations_pb2.Operation(name=name, done=True)
        operation.metadata.Pack(metadata)
        operation.response.Pack(response)
        self._storage.keep(name, operation.SerializeToString())
        return operation

    def _require_queue(self, name: str) -> None:
        self._tasks.get_queue(tasks_v2.GetQueueRequest.pb()(name=name))

    def _kept(self, name: str, default: Any) -> Any:
        kept = self._storage.kept(name)
        if kept is None:
            return default
        kind = type(default) if default is not None else operations_pb2.Operation
        return kind.FromString(kept)


def _require_cmek(name: str) -> None:
    parent, _, last = name.rpartition("/")
    require(last == "cmekConfig" and PARENT_NAME.fullmatch(parent), "Invalid resource field value in the request.")


def _location(project: str, location: str) -> Any:
    return locations_pb2.Location(
        name=f"{project}/locations/{location}", location_id=location, labels={"cloud.googleapis.com/region": location}
    )
