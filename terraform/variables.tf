variable "project" {
  description = "The Google Cloud project that holds everything."
  type        = string
}

variable "region" {
  description = "Where the queues and functions are."
  type        = string
  default     = "europe-west1"
}

variable "max_concurrent_submissions" {
  description = "How many submissions are judged at once, over both queues together: the number of slots."
  type        = number
  default     = 3

  validation {
    condition     = var.max_concurrent_submissions >= 1 && var.max_concurrent_submissions <= 100
    error_message = "max_concurrent_submissions must be from 1 to 100."
  }
}
