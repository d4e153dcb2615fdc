//! `Fn::Cidr`: blocks of addresses inside a block.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::Call;
use crate::node::Node;
use crate::problem::Place;
use crate::scope::Outcome;

/// AWS: `Fn::Cidr` gives from 1 to 256 blocks.
const BLOCKS_MAX: u32 = 256;

impl Call<'_> {
    pub(super) fn cidr(&self, argument: &Node, place: &mut Place) -> Outcome {
        let mut texts = Vec::new();
        for item in argument.items().unwrap_or_default() {
            texts.push(self.text(item, place)?);
        }
        let (block, count, bits) = match texts.as_slice() {
            [block, count] => (block, count, None),
            [block, count, bits] => (block, count, Some(bits)),
            _ => return self.fault("Fn::Cidr takes [block, count, bits]"),
        };
        let Some(count) = count.parse().ok().filter(|n| (1..=BLOCKS_MAX).contains(n)) else {
            return self.fault(format!(
                "Fn::Cidr gives from 1 to {BLOCKS_MAX} blocks, found {count}"
            ));
        };
        match blocks(block, count, bits.map(String::as_str)) {
            Ok(blocks) => {
                let nodes = blocks.into_iter().map(|block| Node::text(self.at, block));
                Ok(Some(Node::list(self.at, nodes.collect())))
            }
            Err(message) => self.fault(message),
        }
    }
}

/// `bits` counts the host bits of each block: 8 makes a /24 in IPv4.
fn blocks(block: &str, count: u32, bits: Option<&str>) -> Result<Vec<String>, String> {
    let parsed = block.split_once('/').and_then(|(address, prefix)| {
        Some((address.parse::<IpAddr>().ok()?, prefix.parse::<u32>().ok()?))
    });
    let Some((address, prefix)) = parsed else {
        return Err(format!(
            "Fn::Cidr takes a block such as 10.0.0.0/16, found {block}"
        ));
    };
    let (width, number) = match address {
        IpAddr::V4(address) => (32, u128::from(address.to_bits())),
        IpAddr::V6(address) => (128, address.to_bits()),
    };
    // AWS: without bits the blocks get 8 host bits in IPv4; IPv6 blocks of a subnet have 64.
    let default_bits = if width == 32 { 8 } else { 64 };
    let bits = match bits {
        None => default_bits,
        Some(text) => text
            .parse::<u32>()
            .ok()
            .filter(|bits| (1..width).contains(bits))
            .ok_or_else(|| format!("Fn::Cidr takes from 1 to {} bits, found {text}", width - 1))?,
    };
    let fits = prefix <= width && width - prefix >= bits && {
        let spare = width - prefix - bits;
        spare >= u32::BITS || u64::from(count) <= 1_u64 << spare
    };
    if !fits {
        return Err(format!(
            "{count} blocks of {bits} bits do not fit into {block}"
        ));
    }
    let start = number.checked_shr(width - prefix).unwrap_or(0);
    let start = start.checked_shl(width - prefix).unwrap_or(0);
    let text = |index: u32| {
        let number = start + (u128::from(index) << bits);
        match u32::try_from(number) {
            Ok(number) if width == 32 => {
                format!("{}/{}", Ipv4Addr::from_bits(number), width - bits)
            }
            _ => format!("{}/{}", Ipv6Addr::from_bits(number), width - bits),
        }
    };
    Ok((0..count).map(text).collect())
}
