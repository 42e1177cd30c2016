// The guides with Vault's own client for Go, unmodified. Usage: guides GUIDE, with VAULT_ADDR and VAULT_TOKEN of the operator and
// ROOT_TOKEN of root in the environment.
package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"reflect"
	"strings"

	"github.com/hashicorp/vault/api"
)

const apiKey = "AAaaBBccDDeeOTXzSMT1234BB_Z8JzG7JkSVxI"

// connect makes a client with a token of its own; the address comes from VAULT_ADDR.
func connect(token string) *api.Client {
	client, err := api.NewClient(api.DefaultConfig())
	must(err)
	client.SetMaxRetries(0)
	client.SetToken(token)
	return client
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

func got[T any](value T, err error) T {
	must(err)
	return value
}

func equal(what string, actual, expected any) {
	if !reflect.DeepEqual(actual, expected) {
		panic(fmt.Sprintf("%s: expected %#v, got %#v", what, expected, actual))
	}
}

// refused checks that an error is an answer with this status that holds this text.
func refused(err error, status int, text string) {
	var response *api.ResponseError
	if !errors.As(err, &response) {
		panic(fmt.Sprintf("expected a refusal with status %d, got %v", status, err))
	}
	equal("status of "+response.URL, response.StatusCode, status)
	if !strings.Contains(err.Error(), text) {
		panic(fmt.Sprintf("expected %q in %q", text, err.Error()))
	}
}

func staticSecrets(ctx context.Context, operator, root *api.Client) {
	kv := operator.KVv2("secret")
	got(kv.Put(ctx, "eng/apikey/Google", map[string]any{"key": apiKey}))
	rules := `path "secret/data/eng/apikey/Google" { capabilities = ["read"] }`
	must(operator.Sys().PutPolicy("apps", rules))
	equal("policy", got(operator.Sys().GetPolicy("apps")), rules)
	secret := got(operator.Auth().Token().Create(&api.TokenCreateRequest{Policies: []string{"apps"}, TTL: "1h"}))
	equal("policies", secret.Auth.Policies, []string{"apps", "default"})
	equal("lifetime", secret.Auth.LeaseDuration, 3600)
	apps := connect(secret.Auth.ClientToken)
	equal("key", got(apps.KVv2("secret").Get(ctx, "eng/apikey/Google")).Data["key"], apiKey)
	_, err := apps.KVv2("secret").Put(ctx, "eng/apikey/Google", map[string]any{"key": "x"})
	refused(err, http.StatusForbidden, "permission denied")
	equal("renewed", got(apps.Auth().Token().RenewSelf(0)).Auth.LeaseDuration, 3600)
	equal("mount type", got(root.Sys().ListMounts())["secret/"].Type, "kv")
	equal("allowed", got(root.Sys().Capabilities(secret.Auth.ClientToken, "secret/data/eng/apikey/Google")), []string{"read"})
}

func versionedSecrets(ctx context.Context, operator, _ *api.Client) {
	kv := operator.KVv2("secret")
	must(kv.PutMetadata(ctx, "customer/acme", api.KVMetadataPutInput{MaxVersions: 4, CustomMetadata: map[string]any{"region": "west"}}))
	for i := 1; i <= 6; i++ {
		got(kv.Put(ctx, "customer/acme", map[string]any{"contact_email": fmt.Sprintf("person%d@acme.com", i)}))
	}
	equal("version 3", got(kv.GetVersion(ctx, "customer/acme", 3)).Data["contact_email"], "person3@acme.com")
	metadata := got(kv.GetMetadata(ctx, "customer/acme"))
	equal("versions", []int{metadata.CurrentVersion, metadata.OldestVersion, len(metadata.Versions)}, []int{6, 3, 4})
	_, err := kv.GetVersion(ctx, "customer/acme", 1)
	equal("pruned version", errors.Is(err, api.ErrSecretNotFound), true)
	must(kv.DeleteVersions(ctx, "customer/acme", []int{5, 6}))
	equal("deleted version", len(got(kv.Get(ctx, "customer/acme")).Data), 0)
	must(kv.Undelete(ctx, "customer/acme", []int{6}))
	equal("undeleted version", got(kv.Get(ctx, "customer/acme")).Data["contact_email"], "person6@acme.com")
	must(kv.Destroy(ctx, "customer/acme", []int{5}))
	equal("destroyed", got(kv.GetVersion(ctx, "customer/acme", 5)).VersionMetadata.Destroyed, true)
	equal("names", got(operator.Logical().List("secret/metadata/customer")).Data["keys"], []any{"acme"})
	equal("patched", got(kv.Patch(ctx, "customer/acme", map[string]any{"name": "ACME Ltd."})).VersionMetadata.Version, 7)
	must(kv.DeleteMetadata(ctx, "customer/acme"))
	_, err = kv.Get(ctx, "customer/acme")
	equal("all gone", errors.Is(err, api.ErrSecretNotFound), true)
	got(kv.Put(ctx, "partner", map[string]any{"a": "b"}, api.WithCheckAndSet(0)))
	_, err = kv.Put(ctx, "partner", map[string]any{"a": "c"}, api.WithCheckAndSet(0))
	refused(err, http.StatusBadRequest, "did not match the current version")
}

func responseWrapping(ctx context.Context, operator, root *api.Client) {
	must(root.Sys().Mount("kv1", &api.MountInput{Type: "kv", Options: map[string]string{"version": "1"}}))
	must(operator.Sys().PutPolicy("dev", `path "kv1/dev" { capabilities = ["read"] }`))
	operator.SetWrappingLookupFunc(func(_, _ string) string { return "120" })
	wrapped := got(operator.Auth().Token().Create(&api.TokenCreateRequest{Policies: []string{"dev"}}))
	operator.SetWrappingLookupFunc(nil)
	equal("wrapping lifetime", wrapped.WrapInfo.TTL, 120)
	equal("wrapping path", wrapped.WrapInfo.CreationPath, "auth/token/create")
	unwrapped := got(connect(wrapped.WrapInfo.Token).Logical().Unwrap(""))
	equal("policies", unwrapped.Auth.Policies, []string{"default", "dev"})
	equal("accessor", unwrapped.Auth.Accessor, wrapped.WrapInfo.WrappedAccessor)
	_, err := operator.Logical().Unwrap(wrapped.WrapInfo.Token)
	refused(err, http.StatusBadRequest, "wrapping token is not valid or does not exist")
	dev := connect(unwrapped.Auth.ClientToken)
	_, err = dev.KVv1("kv1").Get(ctx, "dev")
	equal("nothing there", errors.Is(err, api.ErrSecretNotFound), true)
	must(root.KVv1("kv1").Put(ctx, "dev", map[string]any{"a": "b"}))
	equal("read", got(dev.KVv1("kv1").Get(ctx, "dev")).Data, map[string]any{"a": "b"})
	got(dev.Logical().Write("cubbyhole/private", map[string]any{"token": "123"}))
	equal("own cubbyhole", got(dev.Logical().Read("cubbyhole/private")).Data, map[string]any{"token": "123"})
	equal("foreign cubbyhole", got(root.Logical().Read("cubbyhole/private")), (*api.Secret)(nil))
	must(dev.Auth().Token().RevokeSelf(""))
	_, err = dev.Logical().Read("cubbyhole/private")
	refused(err, http.StatusForbidden, "permission denied")
}

func main() {
	guides := map[string]func(context.Context, *api.Client, *api.Client){
		"static-secrets":    staticSecrets,
		"versioned-secrets": versionedSecrets,
		"response-wrapping": responseWrapping,
	}
	guides[os.Args[1]](context.Background(), connect(os.Getenv("VAULT_TOKEN")), connect(os.Getenv("ROOT_TOKEN")))
}
