# Metrics from the functions' structured logs: one line of the log is one point. The local stack serves the same at
# /metrics, with underscores for what is no letter.

locals {
  # name -> the action that is counted, or whose field is measured; labels are fields of the line
  metrics = {
    wait_seconds        = { action = "judged", field = "wait_seconds", unit = "s", labels = ["run_type"], about = "From being sent until its judging began" }
    service_seconds     = { action = "judged", field = "service_seconds", unit = "s", labels = ["run_type", "language"], about = "How long a slot was held" }
    verdicts            = { action = "judged", field = null, unit = "1", labels = ["run_type", "verdict"], about = "Verdicts given" }
    failures            = { action = "submission_failed", field = null, unit = "1", labels = [], about = "Submissions that could not be judged" }
    retries             = { action = "judging_abandoned", field = null, unit = "1", labels = [], about = "Judgings that ended without a verdict" }
    breaker_opened      = { action = "breaker_opened", field = null, unit = "1", labels = [], about = "How often the judge went away" }
    oldest_wait_seconds = { action = "swept", field = "oldest_wait_seconds", unit = "s", labels = ["judge"], about = "How long the one who has waited longest has, once a minute" }
    waiting_submit      = { action = "swept", field = "waiting_submit", unit = "1", labels = [], about = "Submits in line, once a minute" }
    waiting_run         = { action = "swept", field = "waiting_run", unit = "1", labels = [], about = "Runs in line, once a minute" }
  }

  # Bounds of what is measured: 60 s is one, for that is what the alert asks.
  buckets_of_unit = {
    "s" = [0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 20, 30, 45, 60, 90, 120, 180, 300, 600, 1200, 3600]
    "1" = [1, 2, 3, 5, 10, 20, 30, 50, 100, 200, 300, 500, 1000, 2000, 5000]
  }
  ours = "resource.type=\"cloud_run_revision\" AND resource.labels.service_name=(${join(" OR ", [for name in keys(local.functions) : "\"${name}\""])})"
}

resource "google_logging_metric" "metric" {
  for_each = local.metrics

  name             = "run_code/${each.key}"
  description      = each.value.about
  filter           = "${local.ours} AND jsonPayload.action=\"${each.value.action}\""
  value_extractor  = each.value.field == null ? null : "EXTRACT(jsonPayload.${each.value.field})"
  label_extractors = { for label in each.value.labels : label => "EXTRACT(jsonPayload.${label})" }

  metric_descriptor {
    metric_kind  = "DELTA"
    value_type   = each.value.field == null ? "INT64" : "DISTRIBUTION"
    unit         = each.value.unit
    display_name = each.value.about

    dynamic "labels" {
      for_each = each.value.labels

      content {
        key        = labels.value
        value_type = "STRING"
      }
    }
  }

  dynamic "bucket_options" {
    for_each = each.value.field == null ? [] : [local.buckets_of_unit[each.value.unit]]

    content {
      explicit_buckets {
        bounds = bucket_options.value
      }
    }
  }

  depends_on = [google_project_service.api]
}
