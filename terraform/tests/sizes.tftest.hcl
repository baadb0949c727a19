# One table says how large the judge is, and with it how much is judged at once.

mock_provider "google" {
  mock_data "google_project" {
    defaults = { number = "123456789012" }
  }
}
mock_provider "archive" {}
mock_provider "random" {}

variables {
  project     = "example"
  alert_email = "staff@example.org"
  auth        = { jwks_url = "https://keys.example.org" }
  repository  = "./tests/repository"
}

run "small" {
  command = plan
  variables {
    vm_size = "small"
  }

  assert {
    condition     = output.max_concurrent_submissions == 3
    error_message = "small judges 3 at once"
  }
  assert {
    condition     = google_compute_instance_template.judge["judge0"].machine_type == "n2-custom-2-4096"
    error_message = "small is 2 CPU and 4 GB"
  }
}

run "medium" {
  command = plan
  variables {
    vm_size = "medium"
  }

  assert {
    condition     = output.max_concurrent_submissions == 8
    error_message = "medium judges 8 at once"
  }
  assert {
    condition     = google_compute_instance_template.judge["judge0"].machine_type == "n2-custom-4-8192"
    error_message = "medium is 4 CPU and 8 GB"
  }
}

run "large" {
  command = plan
  variables {
    vm_size = "large"
  }

  assert {
    condition     = output.max_concurrent_submissions == 15
    error_message = "large judges 15 at once"
  }
  assert {
    condition     = google_compute_instance_template.judge["judge0"].machine_type == "n2-custom-8-16384"
    error_message = "large is 8 CPU and 16 GB"
  }
  assert {
    condition     = alltrue([for queue in google_cloud_tasks_queue.queue : queue.rate_limits[0].max_concurrent_dispatches == 15])
    error_message = "each queue delivers as many tickets at once as there are slots"
  }
}

run "a_judge_elsewhere_needs_no_machine" {
  command = plan
  variables {
    judge0_url                 = "https://judge.example.org"
    judge0_auth_token          = "token"
    max_concurrent_submissions = 20
  }

  assert {
    condition     = length(google_compute_instance_group_manager.judge) + length(google_vpc_access_connector.judges) == 0
    error_message = "nothing runs, and costs, that is not needed"
  }
  assert {
    condition     = google_cloudfunctions2_function.function["judge-submission"].service_config[0].environment_variables["JUDGE0_URL"] == "https://judge.example.org"
    error_message = "the functions ask the judge that was named"
  }
}

run "neither_a_machine_nor_an_address" {
  command         = plan
  expect_failures = [var.vm_size]
}

run "a_machine_and_an_address" {
  command = plan
  variables {
    vm_size    = "small"
    judge0_url = "https://judge.example.org"
  }
  expect_failures = [var.vm_size]
}

run "a_size_that_is_none" {
  command = plan
  variables {
    vm_size = "huge"
  }
  expect_failures = [var.vm_size]
}

run "a_size_and_a_number" {
  command = plan
  variables {
    vm_size                    = "small"
    max_concurrent_submissions = 10
  }
  expect_failures = [var.max_concurrent_submissions]
}

run "a_key_without_its_host" {
  command = plan
  variables {
    judge0_url     = "https://judge.example.org"
    judge0_api_key = "key"
  }
  expect_failures = [var.judge0_api_host]
}

run "a_key_for_somebody_else" {
  command = plan
  variables {
    judge0_url      = "https://judge.example.org=3,https://other.example.org"
    judge0_api_host = "judge.example"
    judge0_api_key  = "key"
  }
  expect_failures = [var.judge0_api_host]
}

run "code_and_keys_never_travel_in_the_clear" {
  command = plan
  variables {
    judge0_url = "http://judge.example.org"
  }
  expect_failures = [var.judge0_url]
}

run "nobody_signs_the_tokens" {
  command = plan
  variables {
    vm_size = "small"
    auth    = {}
  }
  expect_failures = [var.auth]
}

run "a_short_secret" {
  command = plan
  variables {
    vm_size         = "small"
    auth            = {}
    auth_jwt_secret = "short"
  }
  expect_failures = [var.auth]
}

run "any_page" {
  command = plan
  variables {
    vm_size         = "small"
    allowed_origins = ["*"]
  }
  expect_failures = [var.allowed_origins]
}

run "a_setting_that_is_set_here_already" {
  command = plan
  variables {
    vm_size  = "small"
    settings = { HANDLER_URL = "https://elsewhere.example.org" }
  }
  expect_failures = [var.settings]
}
