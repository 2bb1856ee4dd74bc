# A key, a bucket whose objects are sealed under bucket keys of it, and a user who may use both:
#
#   export AWS_ACCESS_KEY_ID=… AWS_SECRET_ACCESS_KEY=…
#   terraform init && terraform apply -var endpoint=http://127.0.0.1:9000
terraform {
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.0"
    }
  }
}

variable "endpoint" {
  description = "Where the gateway listens"
  type        = string
  default     = "http://127.0.0.1:9000"
}

variable "bucket" {
  description = "Name of the bucket"
  type        = string
  default     = "photos"
}

provider "aws" {
  region                      = "us-east-1"
  s3_use_path_style           = true
  skip_metadata_api_check     = true
  skip_region_validation      = true
  skip_requesting_account_id  = false
  skip_credentials_validation = false

  endpoints {
    cloudtrail = var.endpoint
    iam        = var.endpoint
    kms        = var.endpoint
    s3         = var.endpoint
    sts        = var.endpoint
  }
}

resource "aws_kms_key" "photos" {
  description         = "Seals ${var.bucket}"
  enable_key_rotation = true
}

resource "aws_kms_alias" "photos" {
  name          = "alias/${var.bucket}"
  target_key_id = aws_kms_key.photos.key_id
}

resource "aws_s3_bucket" "photos" {
  bucket = var.bucket
}

resource "aws_s3_bucket_versioning" "photos" {
  bucket = aws_s3_bucket.photos.id
  versioning_configuration {
    status = "Enabled"
  }
}

resource "aws_s3_bucket_server_side_encryption_configuration" "photos" {
  bucket = aws_s3_bucket.photos.id
  rule {
    bucket_key_enabled = true
    apply_server_side_encryption_by_default {
      sse_algorithm     = "aws:kms"
      kms_master_key_id = aws_kms_key.photos.arn
    }
  }
}

resource "aws_iam_user" "photos" {
  name = "${var.bucket}-app"
}

resource "aws_iam_user_policy" "photos" {
  name = "photos"
  user = aws_iam_user.photos.name
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Effect   = "Allow"
        Action   = ["s3:ListBucket"]
        Resource = aws_s3_bucket.photos.arn
      },
      {
        Effect   = "Allow"
        Action   = ["s3:GetObject", "s3:PutObject", "s3:DeleteObject"]
        Resource = "${aws_s3_bucket.photos.arn}/*"
      },
      {
        Effect   = "Allow"
        Action   = ["kms:GenerateDataKey", "kms:Decrypt"]
        Resource = aws_kms_key.photos.arn
      },
    ]
  })
}

resource "aws_iam_access_key" "photos" {
  user = aws_iam_user.photos.name
}

output "access_key_id" {
  value = aws_iam_access_key.photos.id
}

output "secret_access_key" {
  value     = aws_iam_access_key.photos.secret
  sensitive = true
}
