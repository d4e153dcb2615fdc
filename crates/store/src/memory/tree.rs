//! An ordered map whose clone costs nothing and never changes.
//!
//! A treap: a binary search tree by key and a heap by a hash of the key, so its shape depends on its keys
//! only and its depth is O(log n). A clone shares all nodes; a write copies the shared nodes on its way
//! down and no others. Nodes that no clone shares are changed in place.

use std::cmp::Ordering;
use std::sync::Arc;

use crate::{Direction, Value};

#[derive(Clone, Default)]
pub(super) struct Tree {
    root: Link,
}

type Link = Option<Arc<Node>>;

#[derive(Clone)]
struct Node {
    key: Arc<[u8]>,
    value: Value,
    priority: u64,
    left: Link,
    right: Link,
}

impl Tree {
    pub(super) fn get(&self, key: &[u8]) -> Option<&Value> {
        let mut link = &self.root;
        while let Some(node) = link {
            link = match key.cmp(&node.key) {
                Ordering::Less => &node.left,
                Ordering::Greater => &node.right,
                Ordering::Equal => return Some(&node.value),
            };
        }
        None
    }

    pub(super) fn put(&mut self, key: &[u8], value: Value) {
        put(&mut self.root, key, value);
    }

    pub(super) fn delete(&mut self, key: &[u8]) {
        // Looking first spares the copies of a path on which nothing changes.
        if self.get(key).is_some() {
            delete(&mut self.root, key);
        }
    }

    pub(super) fn scan(
        &self,
        from: &[u8],
        to: &[u8],
        direction: Direction,
        limit: usize,
    ) -> Vec<(Vec<u8>, Value)> {
        let mut scan = Scan {
            from,
            to,
            direction,
            limit,
            rows: Vec::new(),
        };
        scan.visit(&self.root);
        scan.rows
    }
}

struct Scan<'a> {
    from: &'a [u8],
    to: &'a [u8],
    direction: Direction,
    limit: usize,
    rows: Vec<(Vec<u8>, Value)>,
}

impl Scan<'_> {
    fn visit(&mut self, link: &Link) {
        let Some(node) = link else { return };
        let key: &[u8] = &node.key;
        // Left of this node are smaller keys, right of it greater ones.
        let (from_left, to_right) = (self.from < key, key < self.to);
        let (before, after) = match self.direction {
            Direction::Ascending => (
                from_left.then_some(&node.left),
                to_right.then_some(&node.right),
            ),
            Direction::Descending => (
                to_right.then_some(&node.right),
                from_left.then_some(&node.left),
            ),
        };
        if let Some(link) = before {
            self.visit(link);
        }
        if self.rows.len() >= self.limit {
            return;
        }
        if self.from <= key && key < self.to {
            self.rows.push((key.to_vec(), node.value.clone()));
        }
        if let Some(link) = after {
            self.visit(link);
        }
    }
}

fn put(link: &mut Link, key: &[u8], value: Value) {
    let Some(shared) = link else {
        *link = Some(Arc::new(Node {
            key: key.into(),
            value,
            priority: priority(key),
            left: None,
            right: None,
        }));
        return;
    };
    let node = Arc::make_mut(shared);
    match key.cmp(&node.key) {
        Ordering::Equal => node.value = value,
        Ordering::Less => {
            put(&mut node.left, key, value);
            if is_above(&node.left, node.priority) {
                lift_left(shared);
            }
        }
        Ordering::Greater => {
            put(&mut node.right, key, value);
            if is_above(&node.right, node.priority) {
                lift_right(shared);
            }
        }
    }
}

fn delete(link: &mut Link, key: &[u8]) {
    let Some(shared) = link else { return };
    let node = Arc::make_mut(shared);
    match key.cmp(&node.key) {
        Ordering::Less => delete(&mut node.left, key),
        Ordering::Greater => delete(&mut node.right, key),
        Ordering::Equal => *link = merge(node.left.take(), node.right.take()),
    }
}

/// One tree of two, where every key of `left` is smaller than every key of `right`.
fn merge(left: Link, right: Link) -> Link {
    match (left, right) {
        (None, link) | (link, None) => link,
        (Some(mut left), Some(mut right)) => {
            if left.priority >= right.priority {
                let node = Arc::make_mut(&mut left);
                node.right = merge(node.right.take(), Some(right));
                Some(left)
            } else {
                let node = Arc::make_mut(&mut right);
                node.left = merge(Some(left), node.left.take());
                Some(right)
            }
        }
    }
}

fn is_above(child: &Link, priority: u64) -> bool {
    child
        .as_ref()
        .is_some_and(|child| child.priority > priority)
}

/// Rotates the left child above its parent.
fn lift_left(parent: &mut Arc<Node>) {
    let below = Arc::make_mut(parent);
    let mut child = below
        .left
        .take()
        .expect("a child was found above its parent");
    below.left = Arc::make_mut(&mut child).right.take();
    std::mem::swap(parent, &mut child);
    Arc::make_mut(parent).right = Some(child);
}

/// Rotates the right child above its parent.
fn lift_right(parent: &mut Arc<Node>) {
    let below = Arc::make_mut(parent);
    let mut child = below
        .right
        .take()
        .expect("a child was found above its parent");
    below.right = Arc::make_mut(&mut child).left.take();
    std::mem::swap(parent, &mut child);
    Arc::make_mut(parent).left = Some(child);
}

/// A hash of the key (FNV-1a, then the finaliser of SplitMix64), the same in every run.
fn priority(key: &[u8]) -> u64 {
    let mut hash = key.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    hash = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    hash = (hash ^ (hash >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    hash ^ (hash >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn depth(link: &Link) -> usize {
        link.as_ref()
            .map_or(0, |node| 1 + depth(&node.left).max(depth(&node.right)))
    }

    fn count_shared(left: &Link, right: &Link) -> usize {
        match (left, right) {
            (Some(left), Some(right)) if Arc::ptr_eq(left, right) => {
                size(&left.left) + size(&left.right) + 1
            }
            (Some(left), Some(right)) => {
                count_shared(&left.left, &right.left) + count_shared(&left.right, &right.right)
            }
            _ => 0,
        }
    }

    fn size(link: &Link) -> usize {
        link.as_ref()
            .map_or(0, |node| 1 + size(&node.left) + size(&node.right))
    }

    #[test]
    fn keys_in_order_do_not_make_a_list() {
        let mut tree = Tree::default();
        for key in 0..10_000_u32 {
            tree.put(&key.to_be_bytes(), Value::from(vec![1]));
        }
        // Expected about 2 ln(10,000) * 1.4 = 26; deterministic, so the bound cannot flake.
        assert!(depth(&tree.root) < 50, "depth {}", depth(&tree.root));
    }

    #[test]
    fn a_write_copies_its_path_and_shares_the_rest_with_the_clone() {
        let mut tree = Tree::default();
        for key in 0..10_000_u32 {
            tree.put(&key.to_be_bytes(), Value::from(vec![1]));
        }
        let before = tree.clone();
        tree.put(&5_000_u32.to_be_bytes(), Value::from(vec![2]));
        assert_eq!(
            before.get(&5_000_u32.to_be_bytes()).map(|value| value[0]),
            Some(1)
        );
        assert_eq!(
            tree.get(&5_000_u32.to_be_bytes()).map(|value| value[0]),
            Some(2)
        );
        let copied = 10_000 - count_shared(&before.root, &tree.root);
        assert!((1..50).contains(&copied), "{copied} nodes copied");
    }
}
