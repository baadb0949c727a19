"""The plan against the code: limits, settings, indexes, what is deployed, who may do what, what is watched.

Who an account is, is known only when it is made: that is tested in `terraform/tests/access.tftest.hcl`.
"""

from __future__ import annotations

import ast
import ipaddress
import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import functions_framework
import pytest
import yaml

import main
from functions import models, records
from functions.domain.breaker import State
from functions.domain.concurrency import Bounds
from functions.domain.submission import RunType
from functions.rejudging import CHOICES
from functions.staff_models import SubmissionsQuery
from infra import bootstrap, cloud_monitoring, settings
from infra.admin import simulation
from infra.admin.__main__ import cli
from infra.local import log_metrics
from infra.settings import Settings
from tests.bundle import bundle_files
from tests.conftest import ROOT
from tests.terraform.conftest import TERRAFORM, Plan

FUNCTION = "google_cloudfunctions2_function"
ENTRY_POINTS = ("run_code", "judge_submission", "sweep")
NAMES = {point: point.replace("_", "-") for point in ENTRY_POINTS}

ON_ONE_MACHINE_ONLY = {"TASKS_ADDRESS", "FIRESTORE_EMULATOR_HOST", "SQLITE_PATH"}
SET_BY_THE_PLATFORM = {"K_SERVICE"}
THE_FRAMEWORKS = {"THREADS", "WORKERS", "GUNICORN_LOG_LEVEL", "LOG_EXECUTION_ID"}


def service(plan: Plan, entry_point: str) -> Mapping[str, Any]:
    config: Mapping[str, Any] = plan.of(FUNCTION)[NAMES[entry_point]]["service_config"][0]
    return config


def environment(plan: Plan, entry_point: str) -> dict[str, str]:
    """What the function will have: what is secret or known only later is made up."""
    later = plan.known_later(FUNCTION, NAMES[entry_point])["service_config"][0]
    config = service(plan, entry_point)
    made_up = {*later.get("environment_variables", {}), *(s["key"] for s in config["secret_environment_variables"])}
    known: dict[str, str] = config["environment_variables"]
    return {name: f"{name}: made up and of more than 32 characters" for name in made_up} | known


def config_of(plan: Plan, entry_point: str) -> Settings:
    return settings.read(environment(plan, entry_point))


# Limits


@pytest.mark.parametrize("entry_point", ENTRY_POINTS)
def test_each_function_starts_with_what_it_is_given(planned: Plan, entry_point: str) -> None:
    """Reading the settings asserts their inequalities: leases, sweeps, deadlines."""
    config = config_of(planned, entry_point)
    found_by_name = {"judge0_url"} if config.judge0_discovery else set[str]()
    settings.require(config, *(name for name in bootstrap.NEEDED if name not in found_by_name))
    assert callable(getattr(main, planned.of(FUNCTION)[NAMES[entry_point]]["build_config"][0]["entry_point"]))
    assert planned.of(FUNCTION)[NAMES[entry_point]]["build_config"][0]["entry_point"] == entry_point


def most_slots(plan: Plan) -> int:
    """That all judges together can come to have."""
    config = config_of(plan, "judge_submission")
    each = config.slots_each if config.concurrency is None else config.concurrency.most
    scaled = plan.of("google_compute_autoscaler").values()
    found = sum(int(autoscaler["autoscaling_policy"][0]["max_replicas"]) for autoscaler in scaled)
    return sum(judge.slots or each for judge in config.given_judges().values()) + found * each


def test_the_slots_of_all_judges_are_counted(with_machine: Plan, with_several: Plan, with_everything: Plan) -> None:
    assert [most_slots(plan) for plan in (with_machine, with_several, with_everything)] == [15, 300, 103]


def test_each_queue_delivers_as_many_tickets_at_once_as_there_can_be_slots(planned: Plan) -> None:
    slots = most_slots(planned)
    queues = planned.of("google_cloud_tasks_queue")
    assert {queue["name"] for queue in queues.values()} == {str(kind) for kind in RunType}
    assert [queue["rate_limits"][0]["max_concurrent_dispatches"] for queue in queues.values()] == [slots, slots]


def test_queues_never_give_up_and_are_soon_back(planned: Plan) -> None:
    for queue in planned.of("google_cloud_tasks_queue").values():
        [retry] = queue["retry_config"]
        assert retry["max_attempts"] == -1
        assert retry.get("max_retry_duration") is None
        assert retry["max_backoff"] == "10s"
        assert queue["rate_limits"][0]["max_dispatches_per_second"] <= 500


def test_both_queues_tickets_have_room_at_the_handler(planned: Plan) -> None:
    """Past it the platform refuses with 429, and Cloud Tasks slows the whole queue."""
    handler = service(planned, "judge_submission")
    slots = most_slots(planned)
    assert 2 * slots <= handler["max_instance_count"] * handler["max_instance_request_concurrency"]


@pytest.mark.parametrize("entry_point", ENTRY_POINTS)
def test_whatever_an_instance_takes_has_a_thread(planned: Plan, entry_point: str) -> None:
    config, given = service(planned, entry_point), environment(planned, entry_point)
    assert config["max_instance_request_concurrency"] <= int(given["THREADS"]) * int(given["WORKERS"])
    assert config["min_instance_count"] <= config["max_instance_count"]
    assert given["WORKERS"] == "1"  # what an instance keeps at hand is kept once


def test_a_visit_may_last_as_long_as_its_ticket(planned: Plan) -> None:
    config = config_of(planned, "judge_submission")
    assert (
        config.dispatch_deadline <= service(planned, "judge_submission")["timeout_seconds"] == config.function_timeout
    )


def test_the_sweep_runs_as_often_as_the_code_believes(planned: Plan) -> None:
    [job] = planned.of("google_cloud_scheduler_job").values()
    assert job["schedule"] == "* * * * *"
    assert config_of(planned, "sweep").sweep_interval == 60
    assert int(job["attempt_deadline"].removesuffix("s")) <= service(planned, "sweep")["timeout_seconds"]


def test_tickets_and_sweeps_go_where_the_code_expects_them(planned: Plan) -> None:
    for config in (config_of(planned, entry_point) for entry_point in ENTRY_POINTS):
        assert config.handler_url is not None
        assert config.sweep_url is not None
        assert re.fullmatch(r"https://judge-submission-[^./]+\.europe-west1\.run\.app", config.handler_url)
        [job] = planned.of("google_cloud_scheduler_job").values()
        [target] = job["http_target"]
        assert target["uri"] == target["oidc_token"][0]["audience"] == config.sweep_url != config.handler_url
        assert [job[kind] for kind in ("app_engine_http_target", "pubsub_target")] == [[], []]


@pytest.mark.parametrize("entry_point", ENTRY_POINTS)
def test_gunicorn_repeats_no_request_in_the_log(planned: Plan, entry_point: str) -> None:
    assert environment(planned, entry_point)["GUNICORN_LOG_LEVEL"] in ("error", "critical")


@pytest.mark.parametrize("entry_point", ENTRY_POINTS)
def test_the_framework_leaves_stderr_alone(planned: Plan, entry_point: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOG_EXECUTION_ID", environment(planned, entry_point)["LOG_EXECUTION_ID"])
    assert functions_framework._enable_execution_id_logging() is False  # type: ignore[no-untyped-call]


# Settings


def test_every_setting_is_set_or_left_at_its_default_by_name(
    with_machine: Plan, with_several: Plan, with_everything: Plan
) -> None:
    """A new setting has to be put into one of the two: `environment` or `settings_left_at_default` in functions.tf."""
    both = (environment(each, "run_code") for each in (with_machine, with_several, with_everything))
    given = set().union(*both) - THE_FRAMEWORKS
    left = set(with_everything.outputs["settings_left_at_default"])
    read = {name.upper() for name in Settings.model_fields} - ON_ONE_MACHINE_ONLY - SET_BY_THE_PLATFORM
    assert given | left == read
    assert not given & left


@pytest.mark.parametrize("entry_point", ENTRY_POINTS)
def test_no_secret_is_a_plain_variable(with_everything: Plan, entry_point: str) -> None:
    plain = service(with_everything, entry_point)["environment_variables"]
    unshown = {name.upper() for name, field in Settings.model_fields.items() if field.repr is False}
    assert not unshown & set(plain)
    assert {
        secret["key"] for secret in service(with_everything, entry_point)["secret_environment_variables"]
    } <= unshown


# The store


def test_composite_indexes_are_those_that_the_queries_need(planned: Plan) -> None:
    """The embedded store refuses every query that none of these serves, in all suites."""
    made = [
        (index["collection"], tuple((f["field_path"], f["order"] == "DESCENDING") for f in index["fields"]))
        for index in planned.of("google_firestore_index").values()
    ]
    assert sorted(made) == sorted(records.INDEXES)


def not_indexed(plan: Plan) -> set[tuple[str, str]]:
    return {(field["collection"], field["field"]) for field in plan.of("google_firestore_field").values()}


def asked_for() -> Iterator[str]:
    """The names of fields in conditions and orders, as they are written anywhere in the code; and those in tables."""
    for file in (*(ROOT / "functions").rglob("*.py"), *(ROOT / "infra").rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text())):
            match node:
                case ast.Tuple(
                    elts=[ast.Constant(value=str(name)), ast.Constant(value="==" | "<" | "<=" | ">" | ">="), _]
                ):
                    yield name
                case ast.Tuple(elts=[ast.Constant(value=str(name)), ast.Constant(value=bool())]):
                    yield name
    yield from CHOICES
    yield from SubmissionsQuery.model_fields


def test_no_query_asks_for_a_field_without_an_index(planned: Plan) -> None:
    asked = set(asked_for())
    assert {"status", "turn_at", "student", "student_hash", "exam_id", "verdict", "free_at", "changed_at"} <= asked
    assert not {field for _, field in not_indexed(planned)} & asked
    for collection, fields in records.INDEXES:
        assert not not_indexed(planned) & {(collection, field) for field, _ in fields}


def test_what_is_large_is_in_no_index(planned: Plan) -> None:
    large = {"code", "stdin", "results", "compile_output"}
    assert {(kind, field) for kind in (records.SUBMISSIONS, records.REJUDGED) for field in large} <= not_indexed(
        planned
    )
    assert {(records.TESTS, "payload"), (records.PACKAGES, "payload")} <= not_indexed(planned)
    for field in planned.of("google_firestore_field").values():
        assert field["index_config"] == [{"indexes": []}]


def test_only_submissions_that_say_so_are_deleted_by_the_store(planned: Plan) -> None:
    mortal = [f for f in planned.of("google_firestore_field").values() if f["ttl_config"]]
    assert [(field["collection"], field["field"]) for field in mortal] == [(records.SUBMISSIONS, "delete_at")]


def test_marks_survive_mistakes(planned: Plan) -> None:
    [database] = planned.of("google_firestore_database").values()
    assert database["name"] == "(default)"
    assert database["point_in_time_recovery_enablement"] == "POINT_IN_TIME_RECOVERY_ENABLED"
    assert database["delete_protection_state"] == "DELETE_PROTECTION_ENABLED"
    assert database["deletion_policy"] == "ABANDON"
    [backup] = planned.of("google_firestore_backup_schedule").values()
    assert backup["daily_recurrence"] == [{}]
    assert int(backup["retention"].removesuffix("s")) >= 14 * 24 * 3600


def test_the_stores_rules_are_ours(planned: Plan) -> None:
    [rules] = planned.of("google_firebaserules_ruleset").values()
    assert rules["source"][0]["files"][0]["content"] == (ROOT / "infra" / "firestore.rules").read_text()
    assert planned.of("google_firebaserules_release")["firestore"]["name"] == "cloud.firestore"


def test_buckets_are_private_and_forgive(planned: Plan) -> None:
    buckets = planned.of("google_storage_bucket")
    assert set(buckets) == {"source", "objects", "archives"}
    for bucket in buckets.values():
        assert bucket["uniform_bucket_level_access"] is True
        assert bucket["public_access_prevention"] == "enforced"
        assert bucket["versioning"] == [{"enabled": True}]
        assert bucket["force_destroy"] is False
        for rule in bucket["lifecycle_rule"]:
            deletes = rule["action"][0]["type"] == "Delete"
            assert not deletes or rule["condition"][0]["with_state"] == "ARCHIVED"  # nothing that is in use


# What is deployed


def test_the_bundle_is_what_gcloudignore_leaves(planned: Plan) -> None:
    left = set(map(str, bundle_files(ROOT)))
    assert {source["filename"] for source in planned.read("archive_file")["source"]} == left
    assert {"main.py", "requirements.txt", "functions/api.py", "infra/bootstrap.py"} <= left


def dependencies(plan: Plan) -> dict[str, set[str]]:
    """What each resource waits for, by address without keys, as far as it says so by itself."""

    def references(value: Any) -> Iterator[str]:
        if isinstance(value, dict):
            yield from value.get("references", [])
        for each in value.values() if isinstance(value, dict) else value if isinstance(value, list) else []:
            yield from references(each)

    resources = plan.content["configuration"]["root_module"]["resources"]
    addresses = {each["address"] for each in resources}
    return {
        each["address"]: {
            ".".join(re.sub(r"\[.*", "", name).split(".")[:2])
            for name in [*each.get("depends_on", []), *references(each)]
        }
        & addresses
        for each in resources
    }


def waits_for(of: Mapping[str, set[str]], address: str) -> set[str]:
    found, new = set[str](), of[address]
    while new:
        found |= new
        new = set().union(*(of[each] for each in new)) - found
    return found


def test_nothing_is_made_before_its_api_is_on(planned: Plan) -> None:
    of = dependencies(planned)
    made = {address for address in of if not address.startswith(("data.", "random_", "google_project_service."))}
    assert len(made) > 40
    assert {address for address in made if "google_project_service.api" not in waits_for(of, address)} == set()


def test_functions_are_built_only_by_who_may_since_a_while(planned: Plan) -> None:
    """Grants take a minute to count: the indexes take longer, and come between."""
    grants = {
        "google_artifact_registry_repository_iam_member.build",
        "google_project_iam_member.build",
        "google_project_iam_member.build_uploads",
        "google_storage_bucket_iam_member.build",
    }
    of = dependencies(planned)
    assert "google_firestore_index.composite" in waits_for(of, f"{FUNCTION}.function")
    assert grants <= waits_for(of, "google_firestore_index.composite")
    assert grants <= of[f"{FUNCTION}.function"]


def test_alerts_wait_for_their_metrics_or_do_not_ask_for_them(planned: Plan) -> None:
    of = dependencies(planned)
    for policy in ("threshold", "sweep_silent"):
        assert "google_cloud_scheduler_job.sweep" in of[f"google_monitoring_alert_policy.{policy}"]
    for query in queries(planned).values():
        assert query["disable_metric_validation"] is True


# Who may do what


def test_grants_are_these_and_no_others(with_machine: Plan) -> None:
    grants = {
        (address.partition(".")[0], change["role"])
        for address, change in with_machine.changes.items()
        if "_iam_" in address
    }
    assert grants == {
        ("google_artifact_registry_repository_iam_member", "roles/artifactregistry.writer"),
        ("google_cloud_run_v2_service_iam_member", "roles/run.invoker"),
        ("google_cloud_tasks_queue_iam_member", "roles/cloudtasks.enqueuer"),
        ("google_cloud_tasks_queue_iam_member", "roles/cloudtasks.viewer"),
        ("google_project_iam_member", "roles/telemetry.tracesWriter"),
        ("google_project_iam_member", "roles/datastore.user"),
        ("google_project_iam_member", "roles/logging.logWriter"),
        ("google_project_iam_member", "roles/storage.objectViewer"),  # of one bucket: its condition says so
        ("google_secret_manager_secret_iam_member", "roles/secretmanager.secretAccessor"),
        ("google_service_account_iam_member", "roles/iam.serviceAccountUser"),
        ("google_storage_bucket_iam_member", "roles/storage.objectUser"),
        ("google_storage_bucket_iam_member", "roles/storage.objectViewer"),
    }


def test_only_the_api_is_for_everybody(planned: Plan) -> None:
    """The others believe a token whose signature Cloud Run took off: that is safe as long as this holds."""
    invokers = [address for address, change in planned.changes.items() if change.get("role") == "roles/run.invoker"]
    assert sorted(invokers) == [
        f'google_cloud_run_v2_service_iam_member.invoker["{n}"]' for n in sorted(NAMES.values())
    ]
    public = [
        address
        for address, change in planned.changes.items()
        if change.get("member") in ("allUsers", "allAuthenticatedUsers")
    ]
    assert public == ['google_cloud_run_v2_service_iam_member.invoker["run-code"]']
    assert {NAMES[p]: service(planned, p)["ingress_settings"] for p in ENTRY_POINTS} == {
        "run-code": "ALLOW_ALL",
        "judge-submission": "ALLOW_INTERNAL_ONLY",
        "sweep": "ALLOW_INTERNAL_ONLY",
    }


# The machine


def startup_script() -> str:
    """As Terraform fills it in."""
    values = {"port": "2358", "health_port": "2359", "workers": "16", "project": "example", "secret": "t"}
    values |= {"secret_version": "1"} | {f"images.{name}": name for name in ("judge0", "postgres", "redis", "nginx")}
    script = (TERRAFORM / "judge0-startup.sh").read_text()
    filled = re.sub(r"\$\{([a-z_0-9.]+)\}", lambda found: values[found[1]], script)
    assert "${" not in filled
    return filled


def test_the_machine_starts_judge0_as_it_is_known_here(tmp_path: Path) -> None:
    script = tmp_path / "script"
    script.write_text(startup_script())
    subprocess.run(["bash", "-n", str(script)], check=True)
    services = yaml.safe_load(startup_script().split("<<'COMPOSE'\n")[1].split("\nCOMPOSE\n")[0])["services"]
    assert {name: each["image"] for name, each in services.items()} == {
        "server": "judge0", "workers": "judge0", "db": "postgres", "redis": "redis", "health": "nginx",
    }  # fmt: skip
    assert services["server"]["ports"] == ["2358:2358"]
    assert all(each["restart"] == "always" for each in services.values())
    assert 'judge0/judge0:1.13.1"' in (TERRAFORM / "judge0.tf").read_text()


def patiently(folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    """The script's function, with a `sleep` that writes down how long it was to be."""
    [function] = re.findall(r"^patiently\(\) \{\n.*?^\}\n", startup_script(), re.MULTILINE | re.DOTALL)
    said = f"sleep() {{ echo $1 >> {shlex.quote(str(folder / 'slept'))}; }}"
    script = f"set -euo pipefail\n{said}\n{function}\npatiently {shlex.join(command)}\necho went on"
    return subprocess.run(["bash", "-c", script], cwd=folder, capture_output=True, text=True, check=False)


def test_a_machine_bears_hiccups_while_it_starts(tmp_path: Path) -> None:
    (tmp_path / "flaky").write_text("echo x >> tries; [ $(wc -l < tries) -ge 3 ] && echo token")
    done = patiently(tmp_path, "bash", "flaky")
    assert (done.returncode, done.stdout) == (0, "token\nwent on\n")
    assert (tmp_path / "slept").read_text() == "10\n10\n"


def test_a_machine_gives_up_after_ten_minutes_and_says_so(tmp_path: Path) -> None:
    done = patiently(tmp_path, "false")
    assert (done.returncode, done.stdout) == (1, "")
    assert "gave up" in done.stderr
    assert sum(map(int, (tmp_path / "slept").read_text().split())) == 59 * 10


def test_whatever_a_machine_fetches_is_fetched_patiently() -> None:
    calls = re.findall(
        r"^.*(?:apt-get|gcloud|docker compose up|docker compose pull).*$", startup_script(), re.MULTILINE
    )
    assert len(calls) == 4
    assert all("patiently " in call for call in calls)


def test_operators_can_reach_a_machine_without_an_address(with_machine: Plan) -> None:
    assert "iap.googleapis.com" in with_machine.of("google_project_service")
    by_ssh = [r for r in with_machine.of("google_compute_firewall").values() if r["allow"][0]["ports"] == ["22"]]
    assert [rule["source_ranges"] for rule in by_ssh] == [["35.235.240.0/20"]]


def test_the_machine_is_reached_by_the_functions_alone(with_machine: Plan) -> None:
    rules = with_machine.of("google_compute_firewall")
    [connector] = with_machine.of("google_vpc_access_connector").values()
    on_its_port = [rule for rule in rules.values() if rule["allow"][0]["ports"] == ["2358"]]
    assert [rule["source_ranges"] for rule in on_its_port] == [[connector["ip_cidr_range"]]]
    [template] = with_machine.of("google_compute_instance_template").values()
    assert template["network_interface"][0]["access_config"] == []
    address = template["network_interface"][0]["network_ip"]
    assert config_of(with_machine, "judge_submission").judge0_url == f"http://{address}:2358"
    [group] = with_machine.of("google_compute_instance_group_manager").values()
    [update] = group["update_policy"]
    assert (group["target_size"], update["max_surge_fixed"], update["max_unavailable_fixed"]) == (1, 0, 1)


# Several machines


def test_the_autoscaler_makes_as_many_machines_as_the_sweep_says(with_several: Plan) -> None:
    """The decision is the code's, by which `capacity --autoscale` goes as well: here is no other rule."""
    [autoscaler] = with_several.of("google_compute_autoscaler").values()
    [policy] = autoscaler["autoscaling_policy"]
    [metric] = policy["metric"]
    assert (metric["name"], metric["single_instance_assignment"]) == (cloud_monitoring.METRIC, 1)
    assert metric["filter"] == 'resource.type = "global"'
    assert metric.get("target") is None
    assert [policy[each] for each in ("cpu_utilization", "load_balancing_utilization")] == [[], []]
    [descriptor] = with_several.of("google_monitoring_metric_descriptor").values()
    assert descriptor == descriptor | {"type": cloud_monitoring.METRIC, "metric_kind": "GAUGE", "value_type": "INT64"}
    assert config_of(with_several, "sweep").judges_scale == Bounds(policy["min_replicas"], policy["max_replicas"])
    assert (policy["min_replicas"], policy["max_replicas"]) == (1, 10)
    [scale_in] = policy["scale_in_control"]
    assert scale_in["max_scaled_in_replicas"][0]["fixed"] == 1


def test_the_forecast_takes_the_platforms_times(with_several: Plan) -> None:
    [autoscaler] = with_several.of("google_compute_autoscaler").values()
    [policy] = autoscaler["autoscaling_policy"]
    [boot] = [option for option in cli.commands["capacity"].params if option.name == "boot"]
    assert boot.default == f"{policy['cooldown_period']}s"
    assert policy["scale_in_control"][0]["time_window_sec"] == simulation.SETTLES
    assert config_of(with_several, "sweep").sweep_interval == simulation.DECIDES_EVERY


def test_the_local_stack_shows_it_under_the_same_name() -> None:
    assert cloud_monitoring.METRIC.removeprefix("custom.googleapis.com/").replace("/", "_") == log_metrics.JUDGES_WANTED


def test_an_exam_that_is_known_has_its_judges_from_the_beginning(with_several: Plan) -> None:
    [autoscaler] = with_several.of("google_compute_autoscaler").values()
    [schedule] = autoscaler["autoscaling_policy"][0]["scaling_schedules"]
    assert schedule == schedule | {
        "name": "algorithms", "schedule": "40 8 14 6 * 2031", "duration_sec": 10_800, "min_required_replicas": 4,
        "time_zone": "Europe/Vienna",
    }  # fmt: skip


def test_several_share_a_name_and_no_address(with_several: Plan) -> None:
    config = config_of(with_several, "judge_submission")
    found = config.discovered()
    assert found is not None
    assert (config.judge0_url, found.port, found.slots) == (None, 2358, None)
    [zone] = with_several.of("google_dns_managed_zone").values()
    assert zone["visibility"] == "private"
    assert f"{found.name}.".endswith(f".{zone['dns_name']}")
    [template] = with_several.of("google_compute_instance_template").values()
    assert template["network_interface"][0].get("network_ip") is None
    [group] = with_several.of("google_compute_instance_group_manager").values()
    [update] = group["update_policy"]
    assert (group.get("target_size"), update["max_surge_fixed"], update["max_unavailable_fixed"]) == (None, 1, 0)


def test_there_is_an_address_for_each_machine_and_one_that_replaces_another(with_several: Plan) -> None:
    [subnetwork] = with_several.of("google_compute_subnetwork").values()
    [autoscaler] = with_several.of("google_compute_autoscaler").values()
    googles, kept_for_one_alone = 4, len(with_several.of("google_compute_address"))
    free = ipaddress.ip_network(subnetwork["ip_cidr_range"]).num_addresses - googles - kept_for_one_alone
    assert autoscaler["autoscaling_policy"][0]["max_replicas"] + 1 <= free


def test_judges_ask_each_other_for_their_health_alone(with_several: Plan) -> None:
    rules = with_several.of("google_compute_firewall")
    [subnetwork] = with_several.of("google_compute_subnetwork").values()
    between = [rule for rule in rules.values() if subnetwork["ip_cidr_range"] in rule["source_ranges"]]
    assert [rule["allow"][0]["ports"] for rule in between] == [["2359"]]


def test_roles_of_our_own_allow_one_thing_each(with_several: Plan) -> None:
    roles = with_several.of("google_project_iam_custom_role")
    assert set(roles["update"]["permissions"]) == {"cloudtasks.queues.update"}
    may = set(roles["judge0"]["permissions"])
    assert {one for one in may if not one.startswith("dns.resourceRecordSets.")} == {
        "dns.changes.create", "dns.changes.get", "dns.managedZones.get",
    }  # fmt: skip


MEMBER = TERRAFORM / "judge0-member.sh"
STAND_INS = {
    "curl": f"#!{sys.executable}\n{Path(__file__).with_name('stand_in_curl.py').read_text()}",
    "getent": """#!/bin/bash
sed "s/$/ STREAM/" seen""",
    "sleep": """#!/bin/bash
echo "$1" >> slept
[ "$(grep -c '^10$' slept)" -lt "${ROUNDS:-1}" ] || kill $PPID""",
}


def member(folder: Path, what: str, *, zone: str, answering: str, rounds: int = 1, seen: str | None = None) -> str:
    """Who is under the name after ``rounds``, as the machine 10.0.0.1 sees to it; last digits stand for addresses."""
    for name, digits in (("zone", zone), ("answering", answering), ("seen", zone if seen is None else seen)):
        (folder / name).write_text(addresses(digits))
    for name, body in STAND_INS.items():
        (folder / name).write_text(body)
        (folder / name).chmod(0o755)
    names = {"NAME": "judges.", "ZONE": "z", "PROJECT": "p", "PORT": "2359", "ROUNDS": str(rounds)}
    path = f"{folder}:{os.environ['PATH']}"
    subprocess.run(["bash", str(MEMBER), what], cwd=folder, env={"PATH": path, **names}, check=False)
    return "".join(sorted(line[-1] for line in (folder / "zone").read_text().split()))


def addresses(digits: str) -> str:
    return "".join(f"10.0.0.{digit}\n" for digit in digits)


def refused(folder: Path) -> list[str]:
    return (folder / "refused").read_text().split() if (folder / "refused").exists() else []


@pytest.mark.parametrize(
    ("zone", "answering", "rounds", "after"),
    [
        ("", "1", 1, "1"),
        ("23", "123", 1, "123"),
        ("123", "123", 3, "123"),
        ("23", "23", 3, "23"),
        ("123", "13", 5, "123"),
        ("123", "13", 6, "13"),
        ("1", "", 9, "1"),
    ],
    ids=[
        "the first", "one more", "nothing new", "not before it answers", "silent for less than a minute",
        "silent for a minute", "the last stays",
    ],
)  # fmt: skip
def test_under_the_name_are_those_that_answer(
    tmp_path: Path, zone: str, answering: str, rounds: int, after: str
) -> None:
    assert member(tmp_path, "stay", zone=zone, answering=answering, rounds=rounds) == after


def test_a_machine_that_ends_leaves_first_and_then_finishes(tmp_path: Path) -> None:
    assert member(tmp_path, "leave", zone="123", answering="123") == "23"
    slept = int((tmp_path / "slept").read_text())
    unit = (TERRAFORM / "autoscaling.tf").read_text()
    assert slept < int(re.findall(r"TimeoutStopSec=(\d+)", unit)[0]) < 90  # what Compute Engine gives a machine
    assert unit.index("ExecStop=/bin/kill $MAINPID") < unit.index("ExecStop=/opt/judge0/member leave")


def test_leaving_needs_nothing_that_does_not_start_any_more_at_shutdown(tmp_path: Path) -> None:
    """A snap, as gcloud is on this image, wants a scope of systemd's, which then gives none."""
    assert not re.search(r"^[^#]*(gcloud|snap|docker)", MEMBER.read_text(), re.MULTILINE)
    subprocess.run(["bash", "-n", str(MEMBER)], check=True)


@pytest.mark.parametrize(("what", "zone", "after"), [("stay", "2", "123"), ("leave", "12", "23")])
def test_of_machines_that_write_at_once_none_is_lost(tmp_path: Path, what: str, zone: str, after: str) -> None:
    """10.0.0.3 writes between the reading and the writing of this one, which is refused and looks again."""
    (tmp_path / "meanwhile").write_text(addresses(f"{zone}3"))
    assert member(tmp_path, what, zone=zone, answering="123") == after
    assert refused(tmp_path) == ["412"]


def test_two_machines_that_are_the_first_are_both_there(tmp_path: Path) -> None:
    (tmp_path / "meanwhile").write_text(addresses("3"))
    assert member(tmp_path, "stay", zone="", answering="13") == "13"
    assert refused(tmp_path) == ["409"]


def test_others_that_came_meanwhile_are_not_written_over(tmp_path: Path) -> None:
    """A name server remembers for minutes that there was no such name."""
    assert member(tmp_path, "stay", zone="23", seen="", answering="123") == "123"


def test_nothing_is_written_where_the_zone_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "away").touch()
    assert member(tmp_path, "stay", zone="23", seen="", answering="123") == "23"
    assert "/changes" not in (tmp_path / "calls").read_text()
    assert refused(tmp_path) == ["503"] * 5  # and again in the next round


def test_a_machines_token_is_in_no_command_line(tmp_path: Path) -> None:
    member(tmp_path, "stay", zone="2", answering="12")
    calls = (tmp_path / "calls").read_text()
    assert "/changes" in calls
    assert "t0ken" not in calls


def test_what_the_runbooks_name_is_there(with_machine: Plan) -> None:
    texts = [(ROOT / name).read_text() for name in ("docs/operations.md", "terraform/README.md")]
    address = r"(?:google|random)_\w+\.\w+(?:\[\"[\w-]+\"\])?"
    named = set(re.findall(address, "\n".join(texts)))
    assert {'google_storage_hmac_key.key["objects"]', 'random_password.judge0_auth_token["judge0"]'} <= named
    assert named <= set(with_machine.changes)


def test_a_restored_database_gives_back_all_but_what_is_about_now() -> None:
    [listed] = re.findall(r"^COLLECTIONS=(.*)$", (ROOT / "docs" / "operations.md").read_text(), re.MULTILINE)
    assert sorted(listed.split(",")) == sorted(
        (records.SUBMISSIONS, records.REJUDGED, records.REJUDGINGS, records.EXAMS, records.ATTEMPTS, records.QUESTIONS,
         records.TESTS, records.PACKAGES, records.DATA_REQUESTS)
    )  # fmt: skip


# What is watched


METRICS = {name.removeprefix("run_code_").removesuffix("_total") for name in log_metrics.NAMES}


def test_metrics_are_the_ones_that_the_local_stack_serves_too(planned: Plan) -> None:
    metrics = planned.of("google_logging_metric")
    assert {metric["name"] for metric in metrics.values()} == {f"run_code/{name}" for name in METRICS}
    for metric in metrics.values():
        [descriptor] = metric["metric_descriptor"]
        measured = descriptor["value_type"] == "DISTRIBUTION"
        assert descriptor["metric_kind"] == "DELTA"
        assert measured == bool(metric["value_extractor"]) == bool(metric["bucket_options"])
        assert {label["key"] for label in descriptor["labels"]} == set(metric["label_extractors"] or {})


def used(text: str) -> set[str]:
    """In a filter, or in PromQL, which counts the points of what is measured."""
    return {*re.findall(r"user/run_code/(\w+)", text), *re.findall(r"user_run_code_(\w+)_count", text)}


def queries(plan: Plan) -> dict[str, dict[str, Any]]:
    """The alerts that ask by PromQL."""
    policies = plan.of("google_monitoring_alert_policy")
    asked = {name: each["conditions"][0]["condition_prometheus_query_language"] for name, each in policies.items()}
    return {name: query for name, [query] in ((name, found) for name, found in asked.items() if found)}


def test_alerts_and_dashboard_look_at_metrics_that_are_there(planned: Plan) -> None:
    alerts = json.dumps(list(planned.of("google_monitoring_alert_policy").values()))
    [dashboard] = planned.of("google_monitoring_dashboard").values()
    assert used(alerts) == {"oldest_wait_seconds", "failures", "waiting_submit"} <= METRICS
    assert used(dashboard["dashboard_json"]) == METRICS
    services = re.findall(r'service_name=\\"([a-z-]+)', alerts + dashboard["dashboard_json"].replace("\\", "\\\\"))
    assert set(services) <= set(NAMES.values())


def test_waiting_for_over_a_minute_is_told_exactly_then(planned: Plan) -> None:
    """A percentile of a distribution is somewhere in its bucket: a minute has to be between two of them."""
    [bounds] = planned.of("google_logging_metric")["oldest_wait_seconds"]["bucket_options"][0]["explicit_buckets"]
    [condition] = planned.of("google_monitoring_alert_policy")["oldest_waiting"]["conditions"]
    assert condition["condition_threshold"][0]["threshold_value"] == 60
    assert 60 in bounds["bounds"]


def test_the_judge_is_away_and_the_sweep_silent_by_what_each_sweep_said(planned: Plan) -> None:
    found = queries(planned)
    assert set(found) == {"breaker_open", "sweep_silent", *map(str, RunType)}
    metrics = planned.of("google_logging_metric")
    for alert, metric, seconds in (
        ("breaker_open", "oldest_wait_seconds", 180),
        ("sweep_silent", "waiting_submit", 300),
    ):
        query = found[alert]["query"]
        assert used(query) == {metric}
        assert metrics[metric]["metric_descriptor"][0]["value_type"] == "DISTRIBUTION"  # only these have a _count
        assert f"[{seconds // 60}m]" in query
        assert seconds >= 3 * config_of(planned, "sweep").sweep_interval
    assert f'judge!="{State.CLOSED}"' in found["breaker_open"]["query"]
    assert "judge" in metrics["oldest_wait_seconds"]["label_extractors"]
    assert (
        "or vector(0)) == 0" in found["sweep_silent"]["query"]
    )  # of what says nothing there would be nothing to compare
    assert found["sweep_silent"]["duration"] == "300s"


def slug(heading: str) -> str:
    return re.sub(r"[^a-z0-9 -]", "", heading.lower()).replace(" ", "-")


def test_each_alert_says_what_to_do_and_where_more_is_said(planned: Plan) -> None:
    text = (ROOT / "docs" / "operations.md").read_text()
    sections = {slug(heading) for heading in re.findall(r"^#+ (.*)$", text, re.MULTILINE)}
    alerts = planned.of("google_monitoring_alert_policy")
    one_each = {"oldest_waiting", "breaker_open", "failed", "error_rate", "sweep_silent", "away"}
    assert set(alerts) == one_each | {str(kind) for kind in RunType}
    for alert in alerts.values():
        what_to_do, section = alert["documentation"][0]["content"].split("More: docs/operations.md#")
        assert len(what_to_do) > 100
        assert section in sections
        assert len(alert["notification_channels"]) == 1


def test_each_command_in_an_alert_and_in_the_runbook_can_be_pasted(planned: Plan) -> None:
    """gcloud asks back, or fails, where no region, location or zone was named."""
    alerts = planned.of("google_monitoring_alert_policy").values()
    in_alerts = re.findall(r"`(gcloud [^`]+)`", "\n".join(each["documentation"][0]["content"] for each in alerts))
    runbook = (ROOT / "docs" / "operations.md").read_text()
    commands = in_alerts + re.findall(r"gcloud (?:compute|functions|run|scheduler|tasks) [^`\n]+", runbook)
    assert len(commands) >= 12
    for command in commands:
        assert re.search(r" --(region|location|zone)[ =]\S", command), command


@pytest.mark.parametrize(("status", "well"), [("healthy", True), ("degraded", True), ("unhealthy", False)])
def test_the_uptime_check_understands_health(planned: Plan, status: Any, well: bool) -> None:
    [check] = planned.of("google_monitoring_uptime_check_config").values()
    [matcher] = check["content_matchers"]
    judge = models.JudgeHealth(state=State.CLOSED, since=None)
    body = models.HealthView(
        status=status, queue_length=0, processing=0, max_concurrent=3, uptime=1, queues={}, judge=judge, judges=[],
        version="1",
    ).model_dump_json()  # fmt: skip
    assert (matcher["matcher"], check["http_check"][0]["path"]) == ("MATCHES_REGEX", "/health")
    assert bool(re.search(matcher["content"], body)) == well
