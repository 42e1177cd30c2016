"""The guides with hvac, unmodified. Usage: guides.py GUIDE, with VAULT_ADDR and VAULT_TOKEN of the operator, ROOT_TOKEN of root."""

import os
import sys

import hvac

ADDR = os.environ["VAULT_ADDR"]
CUSTOMERS = [{"name": "ACME Inc.", "contact_email": f"person{i}@acme.com"} for i in range(1, 7)]


def connect(token):
    client = hvac.Client(url=ADDR, token=token)
    assert client.is_authenticated()
    return client


def refused(error, call, *arguments, **named):
    try:
        call(*arguments, **named)
    except error as problem:
        return str(problem)
    raise AssertionError(f"{call.__name__} was not refused")


def static_secrets(operator, root):
    key = {"key": "AAaaBBccDDeeOTXzSMT1234BB_Z8JzG7JkSVxI"}
    kv = operator.secrets.kv.v2
    assert kv.create_or_update_secret("eng/apikey/Google", key)["data"]["version"] == 1
    kv.create_or_update_secret("prod/cert/mysql", {"cert": "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"})
    rules = 'path "secret/data/eng/apikey/Google" { capabilities = ["read"] }'
    operator.sys.create_or_update_policy("apps", rules)
    assert "apps" in root.sys.list_policies()["data"]["policies"]
    assert operator.sys.read_policy("apps")["data"]["rules"] == rules
    auth = operator.auth.token.create(policies=["apps"], ttl="1h")["auth"]
    assert auth["policies"] == ["apps", "default"] and auth["lease_duration"] == 3600 and auth["renewable"]
    apps = connect(auth["client_token"])
    assert apps.secrets.kv.v2.read_secret_version("eng/apikey/Google", raise_on_deleted_version=True)["data"]["data"] == key
    refused(hvac.exceptions.Forbidden, apps.secrets.kv.v2.create_or_update_secret, "eng/apikey/Google", {"key": "x"})
    refused(hvac.exceptions.Forbidden, apps.secrets.kv.v2.read_secret_version, "other", raise_on_deleted_version=True)
    assert apps.auth.token.renew_self()["auth"]["lease_duration"] == 3600
    root.auth.token.revoke(auth["client_token"])
    assert not apps.is_authenticated()


def versioned_secrets(operator, _):
    kv = operator.secrets.kv.v2
    for customer in CUSTOMERS[:2]:
        kv.create_or_update_secret("customer/acme", customer)
    read = lambda version=None: kv.read_secret_version("customer/acme", version=version, raise_on_deleted_version=True)["data"]
    assert read()["data"] == CUSTOMERS[1] and read()["metadata"]["version"] == 2
    assert read(1)["data"] == CUSTOMERS[0]
    assert kv.list_secrets("customer")["data"]["keys"] == ["acme"]
    kv.configure(max_versions=4)
    assert kv.read_configuration()["data"]["max_versions"] == 4
    kv.update_metadata("customer/acme", max_versions=4, custom_metadata={"region": "west"})
    for customer in CUSTOMERS[2:]:
        kv.create_or_update_secret("customer/acme", customer)
    metadata = kv.read_secret_metadata("customer/acme")["data"]
    assert (metadata["current_version"], metadata["oldest_version"]) == (6, 3), metadata
    assert sorted(metadata["versions"]) == ["3", "4", "5", "6"] and metadata["custom_metadata"] == {"region": "west"}
    refused(hvac.exceptions.InvalidPath, read, 1)
    kv.delete_secret_versions("customer/acme", [5, 6])
    refused(hvac.exceptions.InvalidPath, read)
    kv.undelete_secret_versions("customer/acme", [6])
    assert read()["data"] == CUSTOMERS[5]
    kv.destroy_secret_versions("customer/acme", [5])
    assert kv.read_secret_metadata("customer/acme")["data"]["versions"]["5"]["destroyed"] is True
    kv.patch("customer/acme", {"name": "ACME Ltd."})
    assert read()["data"] == {**CUSTOMERS[5], "name": "ACME Ltd."}
    kv.delete_metadata_and_all_versions("customer/acme")
    refused(hvac.exceptions.InvalidPath, read)
    kv.create_or_update_secret("partner", {"a": "b"}, cas=0)
    wrong = refused(hvac.exceptions.InvalidRequest, kv.create_or_update_secret, "partner", {"a": "c"}, cas=0)
    assert "did not match the current version" in wrong, wrong


def response_wrapping(operator, root):
    root.sys.enable_secrets_engine("kv", path="kv1", options={"version": "1"})
    operator.sys.create_or_update_policy("dev", 'path "kv1/dev" { capabilities = ["read"] }')
    wrapped = operator.auth.token.create(policies=["dev"], wrap_ttl="120s")
    assert wrapped["auth"] is None and wrapped["wrap_info"]["ttl"] == 120
    wrapping = wrapped["wrap_info"]["token"]
    auth = hvac.Client(url=ADDR).sys.unwrap(wrapping)["auth"]
    assert auth["policies"] == ["default", "dev"] and auth["accessor"] == wrapped["wrap_info"]["wrapped_accessor"]
    again = refused(hvac.exceptions.InvalidRequest, operator.sys.unwrap, wrapping)
    assert "wrapping token is not valid or does not exist" in again, again
    dev = connect(auth["client_token"])
    refused(hvac.exceptions.InvalidPath, dev.secrets.kv.v1.read_secret, "dev", mount_point="kv1")
    root.secrets.kv.v1.create_or_update_secret("dev", {"a": "b"}, mount_point="kv1")
    assert dev.secrets.kv.v1.read_secret("dev", mount_point="kv1")["data"] == {"a": "b"}
    dev.write("cubbyhole/private", token="123")
    assert dev.read("cubbyhole/private")["data"] == {"token": "123"}
    assert root.read("cubbyhole/private") is None
    dev.auth.token.revoke_self()
    refused(hvac.exceptions.Forbidden, dev.secrets.kv.v1.read_secret, "dev", mount_point="kv1")


guides = {"static-secrets": static_secrets, "versioned-secrets": versioned_secrets, "response-wrapping": response_wrapping}
guides[sys.argv[1]](connect(os.environ["VAULT_TOKEN"]), connect(os.environ["ROOT_TOKEN"]))
