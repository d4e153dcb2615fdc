//! What rows of all stores have in common: a version before what they hold, and ranges of keys.

use stepwell_store::Error;

/// The version of a value, from 1 to `newest`, and what follows it.
///
/// - `store`: as an error calls it, `the store of logs`.
/// - [`Error::NewerFormat`]: a later version of this program wrote it.
pub(crate) fn versioned<'v>(
    store: &str,
    key: &[u8],
    value: &'v [u8],
    newest: u8,
) -> Result<(u8, &'v [u8]), Error> {
    match value.split_first() {
        Some((version, row)) if (1..=newest).contains(version) => Ok((*version, row)),
        Some((version, _)) if *version > newest => Err(Error::NewerFormat {
            directory: store.to_owned(),
            found: u32::from(*version),
            supported: u32::from(newest),
        }),
        _ => Err(corrupt(key)),
    }
}

pub(crate) fn corrupt(key: &[u8]) -> Error {
    Error::Corrupt { key: key.to_vec() }
}

/// The first key after all keys that start with `prefix`.
pub(crate) fn after(prefix: &[u8]) -> Vec<u8> {
    let mut end = prefix.to_vec();
    while let Some(last) = end.pop() {
        if last < u8::MAX {
            end.push(last + 1);
            break;
        }
    }
    end
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_after_a_prefix_is_after_all_of_its_keys() {
        assert_eq!(after(&[3, 255, 255]), [4]);
        assert_eq!(after(&[3, 1]), [3, 2]);
    }

    #[test]
    fn a_newer_version_is_told_from_what_is_no_row() {
        let read = |value: &'static [u8]| versioned("the store", b"k", value, 2);
        assert_eq!(read(&[1, 7]).expect("a row"), (1, &[7][..]));
        assert_eq!(read(&[2]).expect("a row"), (2, &[][..]));
        let newer = read(&[3, 7]);
        assert!(matches!(
            newer,
            Err(Error::NewerFormat {
                found: 3,
                supported: 2,
                ..
            })
        ));
        for none in [&[][..], &[0, 7]] {
            assert!(matches!(read(none), Err(Error::Corrupt { .. })), "{none:?}");
        }
    }
}
