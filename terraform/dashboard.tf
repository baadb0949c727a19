# What to look at during an exam. The tiles are in dashboard.json, so that one that was arranged in the console can be
# exported and put there.
resource "google_monitoring_dashboard" "exam" {
  dashboard_json = file("${path.module}/dashboard.json")

  depends_on = [google_logging_metric.metric]
}
