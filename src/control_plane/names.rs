//! Generated names, hashes and identifiers, all from stable hashes.
//!
//! Imitates `k8s.io/apimachinery/pkg/util/rand` (alphabet, `SafeEncodeString`) and `pkg/controller/controller_utils.go`
//! (`ComputeHash`: 32-bit FNV-1a). Upstream hashes a dump of Go structs; here the template's JSON is hashed instead, so the
//! digits differ from a real cluster's while length and alphabet agree.

use crate::random::{Random, Seed, stable_hash};

/// No vowels, and no characters that look alike.
const ALPHABET: &[u8; 27] = b"bcdfghjklmnpqrstvwxz2456789";

/// A well mixed hash of a text.
pub(crate) fn mixed_hash(text: &str) -> u64 {
    Random::new(Seed(stable_hash(text))).next_u64()
}

/// Five characters, as the API server appends to `generateName`.
pub(crate) fn suffix(text: &str) -> String {
    let mut hash = mixed_hash(text);
    let mut out = String::with_capacity(5);
    for _ in 0..5 {
        out.push(char::from(ALPHABET[(hash % 27) as usize]));
        hash /= 27;
    }
    out
}

/// `pod-template-hash` and its like.
pub(crate) fn template_hash(text: &str) -> String {
    let hash = text.bytes().fold(0x811c_9dc5u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    hash.to_string().bytes().map(|digit| char::from(ALPHABET[usize::from(digit) % 27])).collect()
}

/// A uid in the form of a random UUID.
pub(crate) fn uid(text: &str) -> String {
    let mut random = Random::new(Seed(stable_hash(text)));
    let (high, low) = (random.next_u64(), random.next_u64());
    let (third, fourth) = (high & 0xfff | 0x4000, low >> 48 & 0x3fff | 0x8000);
    format!("{:08x}-{:04x}-{third:04x}-{fourth:04x}-{:012x}", high >> 32, high >> 16 & 0xffff, low & 0xffff_ffff_ffff)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_use_the_safe_alphabet_and_lengths_of_upstream() {
        assert_eq!(suffix("default/web-#0").len(), 5);
        assert!(suffix("a").bytes().all(|c| ALPHABET.contains(&c)));
        let hash = template_hash("{}");
        assert!((8..=10).contains(&hash.len()) && hash.bytes().all(|c| ALPHABET.contains(&c)), "{hash}");
        assert_eq!(uid("x").len(), 36);
        assert_eq!(uid("x").as_bytes()[14], b'4');
    }
}
