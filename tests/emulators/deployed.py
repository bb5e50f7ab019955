"""Asks a deployed stack at AWS_ENDPOINT_URL to work: health, a refused webhook, and one that is taken and decided.

Called by tests/emulators/deploy with the stack's name. Prints what it saw; the first thing that is not so ends it.
"""

import base64
import hashlib
import hmac
import json
import subprocess
import sys
import time

import botocore.session

SECRET = "only-for-this-stack"
PATIENCE = 60


def client(service):
    return botocore.session.get_session().create_client(service)


def invoke(function, event):
    answer = client("lambda").invoke(FunctionName=function, Payload=json.dumps(event).encode())
    payload = answer["Payload"].read().decode()
    if "FunctionError" in answer:
        sys.exit(f"{function} failed: {payload}")
    return json.loads(payload)


def request(method, path, headers, body):
    """An HTTP API's event, version 2.0."""
    return {
        "version": "2.0",
        "routeKey": f"{method} {path}",
        "rawPath": path,
        "rawQueryString": "",
        "headers": {"content-type": "application/json", **headers},
        "requestContext": {"http": {"method": method, "path": path, "sourceIp": "127.0.0.1"}, "requestId": "r", "stage": "$default"},
        "body": base64.b64encode(body).decode(),
        "isBase64Encoded": True,
    }


def expect(what, wanted, got):
    if wanted != got:
        sys.exit(f"{what}: {got}, not {wanted}")
    print(f"{what}: {got}")


def main(stack):
    described = client("cloudformation").describe_stacks(StackName=stack)["Stacks"][0]
    expect("the stack", "CREATE_COMPLETE", described["StackStatus"])
    outputs = {output["OutputKey"]: output["OutputValue"] for output in described["Outputs"]}
    pages = client("cloudformation").get_paginator("list_stack_resources").paginate(StackName=stack)
    listed = [resource for page in pages for resource in page["StackResourceSummaries"]]
    names = {resource["LogicalResourceId"]: resource["PhysicalResourceId"] for resource in listed}
    print(f"{len(listed)} resources")

    key = subprocess.run(["openssl", "genrsa", "-traditional", "2048"], check=True, capture_output=True, text=True).stdout
    for output, value in [
        ("WebhookSecretArn", {"github": [SECRET]}),
        ("GithubAppSecretArn", {"app_id": 1, "slug": "patchbay", "private_key": key}),
    ]:
        client("secretsmanager").put_secret_value(SecretId=outputs[output], SecretString=json.dumps(value))

    intake = f"{stack}-webhook-intake"
    expect("health", 200, invoke(intake, request("GET", "/health", {}, b""))["statusCode"])
    body = json.dumps({"zen": "Design for failure.", "hook_id": 1}).encode()
    headers = {"x-github-event": "ping", "x-github-delivery": "deployed-1", "x-hub-signature-256": "sha256=" + "0" * 64}
    expect("a webhook with a wrong signature", 401, invoke(intake, request("POST", "/webhooks/github", headers, body))["statusCode"])
    headers["x-hub-signature-256"] = "sha256=" + hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
    expect("a signed webhook", 202, invoke(intake, request("POST", "/webhooks/github", headers, body))["statusCode"])

    # The mapping hands it to trigger-matcher, which claims it and writes its decision.
    deadline = time.monotonic() + PATIENCE
    while True:
        items = client("dynamodb").scan(TableName=outputs["DeliveriesTableName"], ConsistentRead=True)["Items"]
        if any(item["sk"]["S"] == "claim" and "done" in json.dumps(item) for item in items):
            break
        if time.monotonic() > deadline:
            sys.exit(f"no decision within {PATIENCE} s; the table holds {json.dumps(items)}")
        time.sleep(0.2)
    print(f"decided: {len(items)} items in {outputs['DeliveriesTableName']}")
    # Of a minute in which it does not ask the forge, which is out of reach here, for deliveries that failed.
    tick = {"source": "aws.events", "detail-type": "Scheduled Event", "time": "2026-01-01T00:01:00Z", "detail": {}}
    expect("the reaper, as its schedule calls it", None, invoke(f"{stack}-run-reaper", tick))
    dead = [name for logical, name in names.items() if logical.endswith("QueueDlq")]
    for url in dead:
        attributes = client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
        expect(f"dead letters in {url.rsplit('/', 1)[-1]}", "0", attributes["ApproximateNumberOfMessages"])


main(sys.argv[1])
