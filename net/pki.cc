// Certificates for the embedded cluster: a CA of its own and leaves for servers and clients, EC
// P-256.
#include <arpa/inet.h>
#include <openssl/bio.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>

#include "net/net.h"

namespace sluice::net {
namespace {

template <auto Free>
struct Freer {
  template <class T>
  void operator()(T* p) const {
    Free(p);
  }
};
using Key = std::unique_ptr<EVP_PKEY, Freer<EVP_PKEY_free>>;
using Certificate = std::unique_ptr<X509, Freer<X509_free>>;
using Bio = std::unique_ptr<BIO, Freer<BIO_free_all>>;
using Extension = std::unique_ptr<X509_EXTENSION, Freer<X509_EXTENSION_free>>;
using Names = std::unique_ptr<GENERAL_NAMES, Freer<GENERAL_NAMES_free>>;

constexpr long kDay = 24 * 3600;

tl::unexpected<Error> ssl_failure(const std::string& what) {
  char text[256] = {};
  ERR_error_string_n(ERR_get_error(), text, sizeof text);
  ERR_clear_error();
  return fail(ErrorCode::Internal, what + ": " + text);
}

std::string contents(BIO* bio) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  return size > 0 ? std::string(data, static_cast<std::size_t>(size)) : std::string();
}

Bio reader(const std::string& pem) {
  return Bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
}

Result<KeyPair> to_pem(X509* certificate, EVP_PKEY* key) {
  const Bio cert_bio(BIO_new(BIO_s_mem())), key_bio(BIO_new(BIO_s_mem()));
  if (PEM_write_bio_X509(cert_bio.get(), certificate) != 1 ||
      PEM_write_bio_PKCS8PrivateKey(key_bio.get(), key, nullptr, nullptr, 0, nullptr, nullptr) != 1)
    return ssl_failure("writing a certificate");
  return KeyPair{contents(cert_bio.get()), contents(key_bio.get())};
}

bool add_extension(X509* certificate, X509* issuer, int nid, const char* value) {
  X509V3_CTX context{};
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  const Extension extension(X509V3_EXT_conf_nid(nullptr, &context, nid, value));
  return extension && X509_add_ext(certificate, extension.get(), -1) == 1;
}

// An unsigned certificate with names, key and validity filled in. Backdated, because clocks differ.
Certificate blank(EVP_PKEY* key, const std::string& common_name, WallTime now, long days) {
  Certificate certificate(X509_new());
  unsigned char serial[16];
  if (!certificate || RAND_bytes(serial, sizeof serial) != 1) return nullptr;
  serial[0] &= 0x7f;
  const std::unique_ptr<BIGNUM, Freer<BN_free>> number(BN_bin2bn(serial, sizeof serial, nullptr));
  if (!number ||
      BN_to_ASN1_INTEGER(number.get(), X509_get_serialNumber(certificate.get())) == nullptr)
    return nullptr;
  const std::time_t from = std::chrono::floor<Seconds>(now).time_since_epoch().count() - 3600;
  X509_NAME* name = X509_get_subject_name(certificate.get());
  const auto* text = reinterpret_cast<const unsigned char*>(common_name.data());
  const bool done =
      X509_set_version(certificate.get(), 2) == 1 &&
      ASN1_TIME_set(X509_getm_notBefore(certificate.get()), from) != nullptr &&
      ASN1_TIME_set(X509_getm_notAfter(certificate.get()), from + days * kDay) != nullptr &&
      X509_set_pubkey(certificate.get(), key) == 1 &&
      X509_NAME_add_entry_by_NID(name, NID_commonName, MBSTRING_UTF8, text,
                                 static_cast<int>(common_name.size()), -1, 0) == 1;
  return done ? std::move(certificate) : nullptr;
}

bool add_name(GENERAL_NAMES* names, int type, const std::string& bytes) {
  std::unique_ptr<GENERAL_NAME, Freer<GENERAL_NAME_free>> name(GENERAL_NAME_new());
  ASN1_STRING* text = type == GEN_IPADD ? ASN1_OCTET_STRING_new() : ASN1_IA5STRING_new();
  if (!name || text == nullptr) return false;
  const bool set = ASN1_STRING_set(text, bytes.data(), static_cast<int>(bytes.size())) == 1;
  GENERAL_NAME_set0_value(name.get(), type, text);
  if (!set || sk_GENERAL_NAME_push(names, name.get()) == 0) return false;
  static_cast<void>(name.release());  // the list owns it now
  return true;
}

// The address in network order, "" when it is none.
std::string packed_ip(const std::string& text) {
  unsigned char bytes[16];
  if (::inet_pton(AF_INET, text.c_str(), bytes) == 1) return {reinterpret_cast<char*>(bytes), 4};
  if (::inet_pton(AF_INET6, text.c_str(), bytes) == 1) return {reinterpret_cast<char*>(bytes), 16};
  return "";
}

Status add_subject_names(X509* certificate, const std::vector<std::string>& dns_names,
                         const std::vector<std::string>& ips) {
  if (dns_names.empty() && ips.empty()) return {};
  const Names names(sk_GENERAL_NAME_new_null());
  for (const auto& dns : dns_names) {
    if (!add_name(names.get(), GEN_DNS, dns)) return ssl_failure("subject name " + dns);
  }
  for (const auto& ip : ips) {
    const std::string packed = packed_ip(ip);
    if (packed.empty()) return fail(ErrorCode::Invalid, "\"" + ip + "\" is not an IP address");
    if (!add_name(names.get(), GEN_IPADD, packed)) return ssl_failure("subject address " + ip);
  }
  if (X509_add1_ext_i2d(certificate, NID_subject_alt_name, names.get(), 0, X509V3_ADD_DEFAULT) != 1)
    return ssl_failure("subject names");
  return {};
}

}  // namespace

Result<KeyPair> make_ca(const std::string& common_name, WallTime now) {
  const Key key(EVP_EC_gen("P-256"));
  if (!key) return ssl_failure("making a key");
  const Certificate ca = blank(key.get(), common_name, now, 3650);
  if (!ca || X509_set_issuer_name(ca.get(), X509_get_subject_name(ca.get())) != 1)
    return ssl_failure("making a CA");
  if (!add_extension(ca.get(), ca.get(), NID_basic_constraints, "critical,CA:TRUE") ||
      !add_extension(ca.get(), ca.get(), NID_key_usage,
                     "critical,keyCertSign,cRLSign,digitalSignature") ||
      !add_extension(ca.get(), ca.get(), NID_subject_key_identifier, "hash"))
    return ssl_failure("making a CA");
  if (X509_sign(ca.get(), key.get(), EVP_sha256()) == 0) return ssl_failure("signing a CA");
  return to_pem(ca.get(), key.get());
}

Result<KeyPair> make_leaf(const KeyPair& ca, const std::string& common_name,
                          const std::vector<std::string>& dns_names,
                          const std::vector<std::string>& ip_addresses, WallTime now) {
  const Certificate issuer(PEM_read_bio_X509(reader(ca.cert_pem).get(), nullptr, nullptr, nullptr));
  const Key issuer_key(
      PEM_read_bio_PrivateKey(reader(ca.key_pem).get(), nullptr, nullptr, nullptr));
  if (!issuer || !issuer_key) {
    ERR_clear_error();
    return fail(ErrorCode::Invalid, "the CA is not a PEM certificate with its key");
  }
  const Key key(EVP_EC_gen("P-256"));
  if (!key) return ssl_failure("making a key");
  const Certificate leaf = blank(key.get(), common_name, now, 730);
  if (!leaf || X509_set_issuer_name(leaf.get(), X509_get_subject_name(issuer.get())) != 1)
    return ssl_failure("making a certificate");
  if (!add_extension(leaf.get(), issuer.get(), NID_basic_constraints, "critical,CA:FALSE") ||
      !add_extension(leaf.get(), issuer.get(), NID_key_usage, "critical,digitalSignature") ||
      !add_extension(leaf.get(), issuer.get(), NID_ext_key_usage, "serverAuth,clientAuth") ||
      !add_extension(leaf.get(), issuer.get(), NID_authority_key_identifier, "keyid"))
    return ssl_failure("making a certificate");
  SLUICE_CHECK_OK(add_subject_names(leaf.get(), dns_names, ip_addresses));
  if (X509_sign(leaf.get(), issuer_key.get(), EVP_sha256()) == 0)
    return ssl_failure("signing a certificate");
  return to_pem(leaf.get(), key.get());
}

}  // namespace sluice::net
