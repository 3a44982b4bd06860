//! An authority that lives for one run, and the one certificate that it gives out.

use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, GeneralSubtree,
    IsCa, KeyPair, KeyUsagePurpose, NameConstraints, date_time_ymd,
};
use rustls::ServerConfig;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio_rustls::TlsAcceptor;

use super::FrontError;

/// The domain that it may speak for, and no other.
const DOMAIN: &str = "stripe.com";

pub(super) struct Authority {
    /// Its own certificate, as PEM.
    pub(super) certificate: String,
    /// Speaks TLS with what it has given out.
    pub(super) acceptor: TlsAcceptor,
}

impl Authority {
    /// Makes one, and has it vouch for these hosts. Its key is gone when this returns.
    pub(super) fn make(hosts: &[&str]) -> Result<Self, FrontError> {
        let mut own = lasting(CertificateParams::default());
        own.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        own.distinguished_name.push(DnType::CommonName, "Paydrill, for one run");
        own.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        own.name_constraints = Some(NameConstraints {
            permitted_subtrees: vec![GeneralSubtree::DnsName(DOMAIN.to_owned())],
            excluded_subtrees: Vec::new(),
        });
        let issuer = CertifiedIssuer::self_signed(own, KeyPair::generate()?)?;

        let hosts: Vec<String> = hosts.iter().map(|host| (*host).to_owned()).collect();
        let mut given = lasting(CertificateParams::new(hosts)?);
        given.distinguished_name.push(DnType::CommonName, "Paydrill's Stripe double");
        given.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        given.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        given.use_authority_key_identifier_extension = true;
        let key = KeyPair::generate()?;
        let certificate = given.signed_by(&key, &issuer)?;

        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key)?;
        // The double speaks no other.
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self { certificate: issuer.pem(), acceptor: TlsAcceptor::from(Arc::new(config)) })
    }
}

/// An app whose clock is moved for a story lives in other years, and no certificate shall matter there.
fn lasting(mut params: CertificateParams) -> CertificateParams {
    params.not_before = date_time_ymd(2000, 1, 1);
    params.not_after = date_time_ymd(2999, 12, 31);
    params
}
