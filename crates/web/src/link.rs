//! Status links: a MAC over the application id, so that a link answers from the first moment on without a database row.

use aws_lc_rs::constant_time::verify_slices_are_equal;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::{ApplicationId, Secret};

/// Bytes of the MAC in a link: 128 bits cannot be guessed, and the link stays short.
const MAC_BYTES: usize = 16;

/// Makes and checks status links.
#[derive(Debug, Clone)]
pub struct StatusLinks(Secret);

impl StatusLinks {
    /// Takes a secret of its own, such as `master.derive("status-link")`. All web processes of an installation share it.
    pub fn new(secret: Secret) -> Self {
        Self(secret)
    }

    /// The path a sender may ask without a credential.
    pub fn path(&self, id: ApplicationId) -> String {
        format!("/api/v1/applications/{id}?k={}", URL_SAFE_NO_PAD.encode(self.mac(id)))
    }

    /// Whether we made this link. Takes the same time for every wrong key, so that it cannot be found byte by byte.
    pub fn proves(&self, id: ApplicationId, key: &str) -> bool {
        let given = URL_SAFE_NO_PAD.decode(key).unwrap_or_default();
        verify_slices_are_equal(&given, &self.mac(id)).is_ok()
    }

    fn mac(&self, id: ApplicationId) -> [u8; MAC_BYTES] {
        let whole = self.0.mac([id.0.as_bytes().as_slice()]).0;
        let mut short = [0; MAC_BYTES];
        short.iter_mut().zip(whole).for_each(|(to, from)| *to = from);
        short
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    fn key(links: &StatusLinks, id: ApplicationId) -> String {
        links.path(id).split_once("?k=").unwrap().1.to_owned()
    }

    #[test]
    fn a_link_proves_its_own_application_only() {
        let links = StatusLinks::new(Secret::new(b"a"));
        let (one, two) = (ApplicationId(Uuid::from_u128(1)), ApplicationId(Uuid::from_u128(2)));
        assert!(links.proves(one, &key(&links, one)));
        assert!(!links.proves(two, &key(&links, one)));
        assert_eq!(key(&links, one).len(), 22);
    }

    #[test]
    fn empty_short_foreign_and_unreadable_keys_prove_nothing() {
        let links = StatusLinks::new(Secret::new(b"a"));
        let id = ApplicationId(Uuid::from_u128(1));
        let own = key(&links, id);
        let foreign = key(&StatusLinks::new(Secret::new(b"b")), id);
        for wrong in ["", "%", &own[..8], &foreign, &format!("{own}AA")] {
            assert!(!links.proves(id, wrong), "{wrong}");
        }
    }
}
