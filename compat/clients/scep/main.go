// Command scep gets one certificate with a SCEP library that is not ours: scep URL TYPE CHALLENGE NAME NEW_KEY SIGNER_CERTIFICATE SIGNER_KEY OUT.
// TYPE is 19 (first request; signer '-' stands for a certificate that is made here) or 17 (renewal).
package main

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"os"
	"time"

	"github.com/smallstep/pkcs7"
	"github.com/smallstep/scep"
	"github.com/smallstep/scep/x509util"
)

func must[T any](value T, err error) T {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	return value
}

func fetch(response *http.Response, err error) []byte {
	answer := must(response, err)
	defer answer.Body.Close()
	body := must(io.ReadAll(answer.Body))
	if answer.StatusCode != 200 {
		must(0, fmt.Errorf("%d %s", answer.StatusCode, body))
	}
	return body
}

func readPem(path string) []byte {
	block, _ := pem.Decode(must(os.ReadFile(path)))
	return block.Bytes
}

func main() {
	url, kind, challenge, name, keyPath, signerPath, signerKeyPath, out := os.Args[1], os.Args[2], os.Args[3], os.Args[4], os.Args[5], os.Args[6], os.Args[7], os.Args[8]
	pkcs7.ContentEncryptionAlgorithm = pkcs7.EncryptionAlgorithmAES256CBC
	caBytes := fetch(http.Get(url + "?operation=GetCACert"))
	cas, err := x509.ParseCertificates(caBytes)
	if err != nil {
		cas = must(scep.CACerts(caBytes))
	}
	key := must(rsa.GenerateKey(rand.Reader, 2048))
	must(0, os.WriteFile(keyPath, pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)}), 0o600))
	template := x509util.CertificateRequest{
		CertificateRequest: x509.CertificateRequest{Subject: pkix.Name{CommonName: name}, DNSNames: []string{name}, SignatureAlgorithm: x509.SHA256WithRSA},
		ChallengePassword:  challenge,
	}
	request := must(x509.ParseCertificateRequest(must(x509util.CreateCertificateRequest(rand.Reader, &template, key))))
	signerKey := key
	var signer *x509.Certificate
	if signerPath == "-" {
		self := x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "SCEP SIGNER"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
		signer = must(x509.ParseCertificate(must(x509.CreateCertificate(rand.Reader, &self, &self, key.Public(), key))))
	} else {
		signer = must(x509.ParseCertificate(readPem(signerPath)))
		signerKey = must(x509.ParsePKCS1PrivateKey(readPem(signerKeyPath)))
	}
	message := must(scep.NewCSRRequest(request, &scep.PKIMessage{MessageType: scep.MessageType(kind), Recipients: cas[:1], SignerKey: signerKey, SignerCert: signer}))
	answer := must(scep.ParsePKIMessage(fetch(http.Post(url+"?operation=PKIOperation", "application/x-pki-message", bytes.NewReader(message.Raw))), scep.WithCACerts(cas)))
	if answer.TransactionID != message.TransactionID || !bytes.Equal(answer.RecipientNonce, message.SenderNonce) {
		must(0, fmt.Errorf("the answer belongs to another request"))
	}
	if answer.PKIStatus != scep.SUCCESS {
		must(0, fmt.Errorf("refused: %s", answer.FailInfo))
	}
	must(0, answer.DecryptPKIEnvelope(signer, signerKey))
	must(0, os.WriteFile(out, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: answer.CertRepMessage.Certificate.Raw}), 0o600))
}
