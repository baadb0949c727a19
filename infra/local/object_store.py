"""A bucket on this machine, speaking S3: `python -m infra.local.object_store --port 9000` (moto's server).

Its contents end with the process.
"""

from __future__ import annotations

import logging
import signal
import sys

import boto3
import click
from moto.server import ThreadedMotoServer

from infra.local.environment import ACCESS_KEY_ID, BUCKET, SECRET_ACCESS_KEY

REGION = "us-east-1"


@click.command()
@click.option("--port", type=click.IntRange(0, 65_535), default=9000, show_default=True, help="0: any that is free.")
@click.option("--bucket", default=BUCKET, show_default=True, help="It is made.")
def main(port: int, bucket: str) -> None:
    """Serve one bucket on 127.0.0.1 until it is told to end."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=port, verbose=False)
    server.start()
    host, taken = server.get_host_and_port()
    url = f"http://{host}:{taken}"
    keys = {"aws_access_key_id": ACCESS_KEY_ID, "aws_secret_access_key": SECRET_ACCESS_KEY}
    boto3.client("s3", endpoint_url=url, region_name=REGION, **keys).create_bucket(Bucket=bucket)
    click.echo(f"a bucket named {bucket} at {url}")
    sys.stdout.flush()
    signal.sigwait({signal.SIGINT, signal.SIGTERM})
    server.stop()


if __name__ == "__main__":
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})  # before any thread begins
    main()
