//! Many texts in one file, each compressed by itself: a reader unpacks only what it needs.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result};

/// The strongest level of miniz.
const LEVEL: u8 = 10;

/// An index, `NAME LENGTH` a line, an empty line, then the deflated texts in the order of the index.
pub fn pack(texts: &BTreeMap<String, String>) -> Vec<u8> {
    let mut index = String::new();
    let mut blocks = Vec::new();
    for (name, text) in texts {
        let block = miniz_oxide::deflate::compress_to_vec(text.as_bytes(), LEVEL);
        index += &format!("{name} {}\n", block.len());
        blocks.extend(block);
    }
    index.push('\n');
    let mut packed = index.into_bytes();
    packed.extend(blocks);
    packed
}

/// What [`pack`] packed.
pub fn unpack(packed: &[u8]) -> Result<BTreeMap<String, String>> {
    let end = packed
        .windows(2)
        .position(|pair| pair == b"\n\n")
        .context("the index has no end")?;
    let mut blocks = &packed[end + 2..];
    let mut texts = BTreeMap::new();
    for line in std::str::from_utf8(&packed[..end])?.lines() {
        let (name, length) = line
            .split_once(' ')
            .context("an index line has no length")?;
        let (block, rest) = blocks
            .split_at_checked(length.parse()?)
            .context("a text is cut off")?;
        blocks = rest;
        let text = miniz_oxide::inflate::decompress_to_vec(block)
            .map_err(|error| anyhow::anyhow!("the text of {name}: {error}"))?;
        texts.insert(name.to_owned(), String::from_utf8(text)?);
    }
    Ok(texts)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::{pack, unpack};

    #[test]
    fn what_was_packed_unpacks() {
        let texts: BTreeMap<String, String> = [("sfn", "startExecution t t"), ("sqs", "")]
            .map(|(name, text)| (name.to_owned(), text.to_owned()))
            .into();
        assert_eq!(unpack(&pack(&texts)).expect("it unpacks"), texts);
    }
}
