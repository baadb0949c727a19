# Several judges: listed, of our own, and as many at once as each bears.

mock_provider "google" {
  mock_data "google_project" {
    defaults = { number = "123456789012" }
  }
}
mock_provider "archive" {}
mock_provider "random" {}

override_resource {
  target          = google_secret_manager_secret_version.secret["JUDGE0_AUTH_TOKEN"]
  override_during = plan
  values          = { version = "7" }
}
override_resource {
  target          = google_service_account.judge["judge0"]
  override_during = plan
  values          = { member = "serviceAccount:judge", email = "judge@example" }
}
override_resource {
  target          = google_service_account.function["sweep"]
  override_during = plan
  values          = { member = "serviceAccount:sweep", email = "sweep@example" }
}
override_resource {
  target          = google_project_iam_custom_role.judges["judge0"]
  override_during = plan
  values          = { name = "names" }
}
override_resource {
  target          = google_project_iam_custom_role.limits["update"]
  override_during = plan
  values          = { name = "limits" }
}

variables {
  project     = "example"
  alert_email = "staff@example.org"
  auth        = { jwks_url = "https://keys.example.org" }
  repository  = "./tests/repository"
}

run "one_judge_is_as_it_was" {
  command = plan
  variables {
    vm_size = "medium"
  }

  assert {
    condition     = length(google_compute_autoscaler.judge) + length(google_project_iam_member.judges_wanted) + length(google_dns_managed_zone.judges) + length(google_project_iam_custom_role.limits) + length(google_project_iam_custom_role.judges) == 0
    error_message = "one machine scales nothing, needs no name, and lets nobody change a queue"
  }
  assert {
    condition     = google_compute_instance_group_manager.judge["judge0"].target_size == 1 && !strcontains(google_compute_instance_template.judge["judge0"].metadata_startup_script, "member")
    error_message = "it starts with the same script as ever: another would make another machine"
  }
}

run "several_of_our_own" {
  command = plan
  variables {
    vm_size = "medium"
    judges  = { most = 5, schedule = { algorithms = { cron = "40 8 14 6 * 2031", minutes = 180, judges = 4, time_zone = "Europe/Vienna" } } }
  }

  assert {
    condition     = output.max_concurrent_submissions == 40 && alltrue([for queue in google_cloud_tasks_queue.queue : queue.rate_limits[0].max_concurrent_dispatches == 40])
    error_message = "five judges with eight slots each are forty"
  }
  assert {
    condition     = alltrue([for function in google_cloudfunctions2_function.function : function.service_config[0].environment_variables["JUDGE0_DISCOVERY"] == "judges.run-code.internal:2358=8" && !contains(keys(function.service_config[0].environment_variables), "JUDGE0_URL")])
    error_message = "the functions find them by name"
  }
  assert {
    condition     = alltrue([for text in ["judges.run-code.internal.", trimspace(file("judge0-member.sh")), "systemctl start judge0-member\n"] : strcontains(google_compute_instance_template.judge["judge0"].metadata_startup_script, text)])
    error_message = "each machine puts its address under that name"
  }
  assert {
    condition     = google_dns_managed_zone_iam_member.judges["judge0"].member == "serviceAccount:judge" && google_dns_managed_zone_iam_member.judges["judge0"].role == "names" && google_dns_managed_zone_iam_member.judges["judge0"].managed_zone == "run-code"
    error_message = "the machines write in this one zone, by a role that can do nothing else"
  }
  assert {
    condition     = { for key, grant in google_cloud_tasks_queue_iam_member.limits : key => grant.role } == { for key in ["run.judge-submission", "run.sweep", "submit.judge-submission", "submit.sweep"] : key => "limits" }
    error_message = "who sees judges come and go tells the queues; the public function does not"
  }
  assert {
    condition     = google_project_iam_member.judges_wanted["judge0"].role == "roles/monitoring.metricWriter" && google_project_iam_member.judges_wanted["judge0"].member == "serviceAccount:sweep"
    error_message = "the sweep, and nobody else, says how many judges there should be"
  }
  assert {
    condition     = google_cloudfunctions2_function.function["sweep"].service_config[0].environment_variables["JUDGES_SCALE"] == "1:5" && google_compute_autoscaler.judge["judge0"].autoscaling_policy[0].min_replicas == 1 && google_compute_autoscaler.judge["judge0"].autoscaling_policy[0].max_replicas == 5
    error_message = "the sweep decides within the autoscaler's own bounds"
  }
}

run "a_schedule_without_its_month" {
  command = plan
  variables {
    vm_size = "small"
    judges  = { most = 2, schedule = { exam = { cron = "0 9 * *", minutes = 60, judges = 2 } } }
  }
  expect_failures = [var.judges]
}

run "a_list" {
  command = plan
  variables {
    judge0_url                 = "https://a.example=3,https://b.example/judge=8, https://c.example"
    judge0_auth_token          = "a.example=token,b.example-judge=other"
    max_concurrent_submissions = 4
  }

  assert {
    condition     = output.max_concurrent_submissions == 15 && length(google_project_iam_custom_role.limits) == 0
    error_message = "3, 8, and 4 of the one without a number; these do not change by themselves"
  }
}

run "as_many_as_each_bears" {
  command = plan
  variables {
    judge0_url                 = "https://a.example=3,https://b.example"
    max_concurrent_submissions = "auto"
  }

  assert {
    condition     = output.max_concurrent_submissions == 23 && length(google_cloud_tasks_queue_iam_member.limits) == 4
    error_message = "3 and at most 20; the functions let the queues follow"
  }
}

run "as_many_as_our_own_bear" {
  command = plan
  variables {
    vm_size                    = "small"
    judges                     = { most = 2 }
    max_concurrent_submissions = "auto:2-12"
  }

  assert {
    condition     = output.max_concurrent_submissions == 24 && google_cloudfunctions2_function.function["judge-submission"].service_config[0].environment_variables["JUDGE0_DISCOVERY"] == "judges.run-code.internal:2358"
    error_message = "each has no number of its own, for it is found out"
  }
}

run "bounds_the_wrong_way_round" {
  command = plan
  variables {
    judge0_url                 = "https://a.example"
    max_concurrent_submissions = "auto:12-2"
  }
  expect_failures = [var.max_concurrent_submissions]
}

run "too_many_at_once" {
  command = plan
  variables {
    judge0_url                 = "https://a.example"
    max_concurrent_submissions = "101"
  }
  expect_failures = [var.max_concurrent_submissions]
}

run "one_of_the_list_in_the_clear" {
  command = plan
  variables {
    judge0_url = "https://a.example=3,http://b.example=8"
  }
  expect_failures = [var.judge0_url]
}

run "a_key_in_the_list" {
  command = plan
  variables {
    judge0_url = "https://key@a.example=3,https://b.example=8"
  }
  expect_failures = [var.judge0_url]
}

run "more_machines_than_addresses" {
  command = plan
  variables {
    vm_size = "small"
    judges  = { most = 11 }
  }
  expect_failures = [var.judges]
}

run "machines_of_somebody_else" {
  command = plan
  variables {
    judge0_url = "https://a.example"
    judges     = { most = 2 }
  }
  expect_failures = [var.judges]
}

run "a_schedule_for_one" {
  command = plan
  variables {
    vm_size = "small"
    judges  = { schedule = { exam = { cron = "0 9 * * *", minutes = 60, judges = 1 } } }
  }
  expect_failures = [var.judges]
}

run "a_schedule_beyond_the_most" {
  command = plan
  variables {
    vm_size = "small"
    judges  = { most = 2, schedule = { exam = { cron = "0 9 * * *", minutes = 60, judges = 3 } } }
  }
  expect_failures = [var.judges]
}
