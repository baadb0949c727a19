# Who is told, and of what. Each alert says what to do and where docs/operations.md says more.

locals {
  metric = { for name in keys(local.metrics) : name => "resource.type=\"cloud_run_revision\" AND metric.type=\"logging.googleapis.com/user/${google_logging_metric.metric[name].name}\"" }
  # its points in PromQL; of what is measured, how many there were
  points = { for name in ["oldest_wait_seconds", "waiting_submit"] : name => "logging_googleapis_com:user_${replace(google_logging_metric.metric[name].name, "/", "_")}_count" }
  api    = "resource.type=\"cloud_run_revision\" AND resource.labels.service_name=\"run-code\" AND metric.type=\"run.googleapis.com/request_count\""

  # threshold alerts: more than `over` of what is aligned over `window` seconds
  alerts = {
    oldest_waiting = {
      title    = "Somebody has waited for over a minute"
      severity = "WARNING"
      filter   = local.metric.oldest_wait_seconds
      aligner  = "ALIGN_PERCENTILE_99"
      reducer  = "REDUCE_MAX"
      window   = 60
      over     = 60
      section  = "during-an-exam"
      do       = "Look at GET /overview: is the judge open, are all slots held, is a queue paused? If all slots work, the judge is too small for what comes: `python -m infra.admin --deployed slots --set N` as far as it bears more, else a larger vm_size after the exam. Students see their place and wait; nothing is lost."
    }
    failed = {
      title    = "A submission could not be judged"
      severity = "ERROR"
      filter   = local.metric.failures
      aligner  = "ALIGN_DELTA"
      reducer  = "REDUCE_SUM"
      window   = 300
      over     = 0
      section  = "what-failed"
      do       = "`python -m infra.admin --deployed failed list` says which and why. Mend the cause, then `failed requeue --all`. It costs the student no marks, and does not go away by itself."
    }
  }

  documentation = {
    for name, alert in local.alerts : name => "${alert.do}\n\nMore: docs/operations.md#${alert.section}"
  }
}

resource "google_monitoring_notification_channel" "email" {
  display_name = "run-code: ${var.alert_email}"
  type         = "email"
  labels       = { email_address = var.alert_email }

  depends_on = [google_project_service.api]
}

resource "google_monitoring_alert_policy" "threshold" {
  for_each = local.alerts

  display_name          = "run-code: ${each.value.title}"
  severity              = each.value.severity
  combiner              = "OR"
  notification_channels = [google_monitoring_notification_channel.email.id]

  conditions {
    display_name = each.value.title

    condition_threshold {
      filter          = each.value.filter
      comparison      = "COMPARISON_GT"
      threshold_value = each.value.over
      duration        = "0s"

      aggregations {
        alignment_period     = "${each.value.window}s"
        per_series_aligner   = each.value.aligner
        cross_series_reducer = each.value.reducer
      }
    }
  }

  documentation {
    mime_type = "text/markdown"
    subject   = "run-code: ${each.value.title}"
    content   = local.documentation[each.key]
  }

  # a metric is known some minutes after it was made, and the functions are made meanwhile
  depends_on = [google_cloud_scheduler_job.sweep]
}

# Each sweep says how the judge is: as long as it is away, the alert stays.
resource "google_monitoring_alert_policy" "breaker_open" {
  display_name          = "run-code: The judge does not answer"
  severity              = "CRITICAL"
  combiner              = "OR"
  notification_channels = [google_monitoring_notification_channel.email.id]

  conditions {
    display_name = "a sweep of the last 3 minutes found the breaker not closed"

    condition_prometheus_query_language {
      query                     = "sum(increase(${local.points.oldest_wait_seconds}{monitored_resource=\"cloud_run_revision\",judge!=\"closed\"}[3m])) > 0"
      duration                  = "0s"
      evaluation_interval       = "60s"
      disable_metric_validation = true # at the first apply there is no such metric yet
    }
  }

  documentation {
    mime_type = "text/markdown"
    content   = "Everything that was sent is safe and keeps its turn. Ask Judge0 itself; of our own machine: `gcloud compute instance-groups managed list-instances run-code-judge0 --zone ${local.judges_zone}`, which is made anew after a minute without an answer. GET /health says `closed` when it is back; nothing else has to be done.\n\nMore: docs/operations.md#when-something-is-away"
  }
}

resource "google_monitoring_alert_policy" "error_rate" {
  display_name          = "run-code: More than 1 % of the answers are errors of ours"
  severity              = "ERROR"
  combiner              = "OR"
  notification_channels = [google_monitoring_notification_channel.email.id]

  conditions {
    display_name = "5xx of run-code over 1 % for 5 minutes"

    condition_threshold {
      filter             = "${local.api} AND metric.labels.response_code_class=\"5xx\""
      denominator_filter = local.api
      comparison         = "COMPARISON_GT"
      threshold_value    = 0.01
      duration           = "300s"

      aggregations {
        alignment_period     = "60s"
        per_series_aligner   = "ALIGN_DELTA"
        cross_series_reducer = "REDUCE_SUM"
      }
      denominator_aggregations {
        alignment_period     = "60s"
        per_series_aligner   = "ALIGN_DELTA"
        cross_series_reducer = "REDUCE_SUM"
      }
    }
  }

  documentation {
    mime_type = "text/markdown"
    content   = "503 is Firestore that does not answer: pages send again by themselves, nothing is half-written; see Google's status page. 500 is a fault of ours, 429 and 504 are too few instances: `gcloud functions logs read run-code --gen2 --region ${var.region} --min-log-level=error` names it. After a deployment: roll back.\n\nMore: docs/operations.md#when-something-is-away"
  }
}

# Tickets outnumber what can be judged at once, and for ten minutes they have not become fewer.
resource "google_monitoring_alert_policy" "queue_stands" {
  for_each = local.queues

  display_name          = "run-code: The queue ${each.key} does not get shorter"
  severity              = "ERROR"
  combiner              = "OR"
  notification_channels = [google_monitoring_notification_channel.email.id]

  conditions {
    display_name = "depth over ${local.max_concurrent_submissions} for 10 minutes, and not falling"

    condition_prometheus_query_language {
      query                     = <<-PROMQL
        min_over_time(cloudtasks_googleapis_com:queue_depth{monitored_resource="cloud_tasks_queue", queue_id="${each.key}"}[10m]) > ${local.max_concurrent_submissions}
        and delta(cloudtasks_googleapis_com:queue_depth{monitored_resource="cloud_tasks_queue", queue_id="${each.key}"}[10m]) >= 0
      PROMQL
      duration                  = "0s"
      evaluation_interval       = "60s"
      disable_metric_validation = true # at the first apply there is no such metric yet
    }
  }

  documentation {
    mime_type = "text/markdown"
    content   = "Is it paused (`gcloud tasks queues describe ${each.key} --location ${var.region}`)? Resume it: `python -m infra.admin --deployed queues resume ${each.key}`. Are tickets delivered but refused? `gcloud functions logs read judge-submission --gen2 --region ${var.region}` says with what. Does the judge not answer? Then the other alert says what to do.\n\nMore: docs/operations.md#when-something-is-away"
  }
}

# What the alerts on waiting and on failures hear of comes from the sweep: they would be silent without it.
resource "google_monitoring_alert_policy" "sweep_silent" {
  display_name          = "run-code: The sweep does not run"
  severity              = "CRITICAL"
  combiner              = "OR"
  notification_channels = [google_monitoring_notification_channel.email.id]

  conditions {
    display_name = "nothing swept for 5 minutes, and so for 5 more"

    # Not an absence: that one is noticed only of what was there before.
    condition_prometheus_query_language {
      query                     = "(sum(increase(${local.points.waiting_submit}{monitored_resource=\"cloud_run_revision\"}[5m])) or vector(0)) == 0"
      duration                  = "300s"
      evaluation_interval       = "60s"
      disable_metric_validation = true # at the first apply there is no such metric yet
    }
  }

  documentation {
    mime_type = "text/markdown"
    content   = "What a dead worker held is put back in line by the sweep, and nobody else does it soon. Is the job paused (`gcloud scheduler jobs describe sweep --location ${var.region}`)? Run it: `gcloud scheduler jobs run sweep --location ${var.region}`. What it answered: `gcloud functions logs read sweep --gen2 --region ${var.region}`.\n\nMore: docs/operations.md#when-something-is-away"
  }

  depends_on = [google_cloud_scheduler_job.sweep]
}

# `degraded` is told by the alerts above, each with its cause; this one is about whether there is a service at all. The
# quotation mark belongs to the pattern: "unhealthy" ends with "healthy", too.
resource "google_monitoring_uptime_check_config" "health" {
  display_name = "run-code: /health"
  period       = "60s"
  timeout      = "10s"

  http_check {
    path         = "/health"
    port         = 443
    use_ssl      = true
    validate_ssl = true
  }

  monitored_resource {
    type = "uptime_url"
    labels = {
      project_id = var.project
      host       = trimprefix(local.urls["run-code"], "https://")
    }
  }

  content_matchers {
    matcher = "MATCHES_REGEX"
    content = "\"status\": ?\"(healthy|degraded)\""
  }

  depends_on = [google_project_service.api]
}

resource "google_monitoring_alert_policy" "away" {
  display_name          = "run-code: The service cannot be reached, or cannot reach Firestore"
  severity              = "CRITICAL"
  combiner              = "OR"
  notification_channels = [google_monitoring_notification_channel.email.id]

  conditions {
    display_name = "/health fails from two places"

    condition_threshold {
      filter          = "resource.type=\"uptime_url\" AND metric.type=\"monitoring.googleapis.com/uptime_check/check_passed\" AND metric.labels.check_id=\"${google_monitoring_uptime_check_config.health.uptime_check_id}\""
      comparison      = "COMPARISON_GT"
      threshold_value = 1
      duration        = "60s"

      aggregations {
        alignment_period     = "120s"
        per_series_aligner   = "ALIGN_NEXT_OLDER"
        cross_series_reducer = "REDUCE_COUNT_FALSE"
        group_by_fields      = ["resource.label.host"]
      }
    }
  }

  documentation {
    mime_type = "text/markdown"
    content   = "`curl ${local.urls["run-code"]}/health`. No answer: `gcloud functions describe run-code --gen2 --region ${var.region}`; after a deployment roll back. `unhealthy`: Firestore; see Google's status page. Pages send again by themselves.\n\nMore: docs/operations.md#when-something-is-away"
  }
}
