//! A certificate authority of one run, made by `openssl`: a root, an intermediate and a server's certificate, RSA 2048
//! like those of AWS's endpoints; and the files of trusted roots that the two sides of a comparison read at their start.

use anyhow::{Context as _, bail};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use tempfile::TempDir;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// Where Linux distributions keep all roots in one file.
const SYSTEM_ROOTS: [&str; 3] = ["/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/ca-bundle.pem"];
/// Where they keep them one by one; what looks for the system's roots reads them there too.
const SYSTEM_FOLDERS: [&str; 2] = ["/etc/ssl/certs", "/etc/pki/tls/certs"];
const END: &str = "-----END CERTIFICATE-----\n";
const NEW_KEY: [&str; 5] = ["req", "-newkey", "rsa:2048", "-nodes", "-sha256"];
const EXTENSIONS: &str = "[ca]\nbasicConstraints=critical,CA:TRUE\nkeyUsage=keyCertSign\n\
    [server]\nbasicConstraints=CA:FALSE\nkeyUsage=digitalSignature\nextendedKeyUsage=serverAuth\nsubjectAltName=DNS:localhost,IP:127.0.0.1\n";

/// What a process trusts, and the variables' values that say so.
pub(super) struct Roots {
    /// All of them in one file: `SSL_CERT_FILE`.
    pub(super) file: PathBuf,
    /// The system's, one by one: `SSL_CERT_DIR`.
    pub(super) folder: Option<&'static Path>,
    pub(super) count: usize,
}

/// The authority's files, in a folder that goes away with it.
pub(super) struct Certificates {
    folder: TempDir,
}

impl Certificates {
    /// Makes everything anew.
    ///
    /// # Errors
    /// Without `openssl`, or when it refuses.
    pub(super) fn make() -> anyhow::Result<Self> {
        let folder = tempfile::Builder::new().prefix("patchbay-bench-").tempdir()?;
        std::fs::write(folder.path().join("extensions"), EXTENSIONS)?;
        let authority = Self { folder };
        let root = ["-x509", "-days", "2", "-subj", "/CN=Benchmark Root", "-keyout", "root.key", "-out", "root.pem"];
        authority.openssl(&[&NEW_KEY[..], &root].concat())?;
        authority.sign("intermediate", "root", "ca")?;
        authority.sign("server", "intermediate", "server")?;
        Ok(authority)
    }

    fn sign(&self, name: &str, by: &str, section: &str) -> anyhow::Result<()> {
        let file = |ending: &str| format!("{name}.{ending}");
        let (key, request, certificate, subject) = (file("key"), file("csr"), file("pem"), format!("/CN=Benchmark {name}"));
        self.openssl(&[&NEW_KEY[..], &["-subj", &subject, "-keyout", &key, "-out", &request]].concat())?;
        let (signer, signer_key) = (format!("{by}.pem"), format!("{by}.key"));
        let sign = ["x509", "-req", "-sha256", "-days", "2", "-in", &request, "-CA", &signer, "-CAkey", &signer_key, "-CAcreateserial"];
        self.openssl(&[&sign[..], &["-extfile", "extensions", "-extensions", section, "-out", &certificate]].concat())
    }

    fn openssl(&self, arguments: &[&str]) -> anyhow::Result<()> {
        let output = Command::new("openssl").args(arguments).current_dir(self.folder.path()).output();
        let output = output.context("openssl cannot be started; install it: apt-get install openssl")?;
        if !output.status.success() {
            bail!("openssl {}: {}", arguments.join(" "), String::from_utf8_lossy(&output.stderr));
        }
        Ok(())
    }

    /// What a server of `localhost` and 127.0.0.1 needs.
    pub(super) fn server(&self) -> anyhow::Result<Arc<ServerConfig>> {
        let mut chain = Vec::new();
        for name in ["server.pem", "intermediate.pem"] {
            chain.push(CertificateDer::from_pem_file(self.folder.path().join(name))?);
        }
        let key = PrivateKeyDer::from_pem_file(self.folder.path().join("server.key"))?;
        let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider())).with_safe_default_protocol_versions()?;
        Ok(Arc::new(config.with_no_client_auth().with_single_cert(chain, key)?))
    }

    /// The system's roots and this one, as a function with the SDK's defaults reads them: from their file, and those of the
    /// folder beside it once more.
    ///
    /// # Errors
    /// If the system has no file of roots.
    pub(super) fn among_the_systems(&self) -> anyhow::Result<Roots> {
        let file = SYSTEM_ROOTS.iter().map(Path::new).find(|file| file.is_file());
        let file = file.context("the system has no file of root certificates; install them: apt-get install ca-certificates")?;
        let bundle = self.bundle("system-roots.pem", &std::fs::read_to_string(file)?, usize::MAX)?;
        Ok(Roots { folder: SYSTEM_FOLDERS.iter().map(Path::new).find(|folder| folder.is_dir()), ..bundle })
    }

    /// As many roots as webhook-intake trusts in AWS (`amazon-roots.pem`), one of them replaced by this one.
    ///
    /// # Errors
    /// If the file is not there.
    pub(super) fn among_amazons(&self, project: &Path) -> anyhow::Result<Roots> {
        let amazons = std::fs::read_to_string(project.join("shared/aws/src/amazon-roots.pem")).context("amazon-roots.pem")?;
        self.bundle("amazon-roots.pem", &amazons, amazons.matches(END).count().saturating_sub(1))
    }

    fn bundle(&self, name: &str, others: &str, at_most: usize) -> anyhow::Result<Roots> {
        let mut bundle = std::fs::read_to_string(self.folder.path().join("root.pem"))?;
        others.split_inclusive(END).filter(|pem| pem.contains("BEGIN CERTIFICATE")).take(at_most).for_each(|pem| bundle.push_str(pem));
        let file = self.folder.path().join(name);
        std::fs::write(&file, &bundle)?;
        Ok(Roots { file, folder: None, count: bundle.matches(END).count() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_authority_signs_for_a_server_and_is_found_among_others() {
        let authority = Certificates::make().unwrap();
        authority.server().unwrap();
        let Roots { file, folder, count } = authority.among_amazons(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")).unwrap();
        assert_eq!((folder, count), (None, 5));
        let root = std::fs::read_to_string(authority.folder.path().join("root.pem")).unwrap();
        assert!(std::fs::read_to_string(file).unwrap().starts_with(&root));
    }
}
