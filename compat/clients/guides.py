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


def encryption(operator, root):
    root.sys.enable_secrets_engine("transit")
    transit = root.secrets.transit
    transit.create_key("orders", exportable=True, allow_plaintext_backup=True)
    rules = 'path "transit/+/orders" { capabilities = ["update"] }'
    operator.sys.create_or_update_policy("app-orders", rules)
    app = connect(operator.auth.token.create(policies=["app-orders"])["auth"]["client_token"]).secrets.transit
    sealed = app.encrypt_data("orders", plaintext="aGVsbG8=")["data"]["ciphertext"]
    assert sealed.startswith("vault:v1:") and app.decrypt_data("orders", ciphertext=sealed)["data"]["plaintext"] == "aGVsbG8="
    refused(hvac.exceptions.Forbidden, app.rotate_key, "orders")
    batch = app.encrypt_data("orders", batch_input=[{"plaintext": "YQ=="}, {"plaintext": "Yg=="}])["data"]["batch_results"]
    assert app.decrypt_data("orders", batch_input=batch)["data"]["batch_results"][1]["plaintext"] == "Yg=="
    wrong = refused(hvac.exceptions.InvalidRequest, app.decrypt_data, "orders", ciphertext="vault:v1:AAAA")
    assert "invalid ciphertext length" in wrong, wrong
    transit.rotate_key("orders")
    assert transit.rewrap_data("orders", ciphertext=sealed)["data"]["ciphertext"].startswith("vault:v2:")
    assert len(transit.generate_data_key("orders", key_type="plaintext", bits=512)["data"]["plaintext"]) == 88
    for kind, extra in [("ed25519", {}), ("ecdsa-p256", {"marshaling_algorithm": "jws"}), ("rsa-2048", {"signature_algorithm": "pss"})]:
        transit.create_key(kind, key_type=kind)
        signature = transit.sign_data(kind, "aGVsbG8=", hash_algorithm="sha2-256", **extra)["data"]["signature"]
        assert transit.verify_signed_data(kind, "aGVsbG8=", signature=signature, hash_algorithm="sha2-256", **extra)["data"]["valid"] is True
    code = transit.generate_hmac("orders", "aGVsbG8=")["data"]["hmac"]
    assert transit.verify_signed_data("orders", "aGVsbG8=", hmac=code)["data"]["valid"] is True
    assert transit.hash_data("aGVsbG8=")["data"]["sum"].startswith("2cf24dba")
    assert len(transit.generate_random_bytes(16, output_format="hex")["data"]["random_bytes"]) == 32
    assert sorted(transit.list_keys()["data"]["keys"]) == ["ecdsa-p256", "ed25519", "orders", "rsa-2048"]
    assert sorted(transit.export_key("orders", "encryption-key")["data"]["keys"]) == ["1", "2"]
    backup = transit.backup_key("orders")["data"]["backup"]
    transit.rotate_key("orders")
    transit.update_key_configuration("orders", min_decryption_version=2, min_encryption_version=3, deletion_allowed=True)
    transit.trim_key("orders", 2)
    assert sorted(transit.read_key("orders")["data"]["keys"]) == ["2", "3"]
    transit.delete_key("orders")
    transit.restore_key(backup)
    assert app.decrypt_data("orders", ciphertext=sealed)["data"]["plaintext"] == "aGVsbG8="


guides = {"static-secrets": static_secrets, "versioned-secrets": versioned_secrets, "response-wrapping": response_wrapping, "encryption": encryption}
guides[sys.argv[1]](connect(os.environ["VAULT_TOKEN"]), connect(os.environ["ROOT_TOKEN"]))
