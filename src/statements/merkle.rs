//! The Merkle tree over the rows of a statement, as RFC 6962 §2.1 defines it: SHA-256, leaves and inner nodes told apart by a first byte.
//!
//! Two sides with the same rows have the same root; with one row's proof anybody can check that it stands in a statement without seeing
//! the other rows.

use sha2::{Digest, Sha256};

/// A hash of the tree.
pub type Hash = [u8; 32];

/// The leaf of a row's exact bytes.
#[must_use]
pub fn leaf(content: &[u8]) -> Hash {
    Sha256::new().chain_update([0]).chain_update(content).finalize().into()
}

fn node(left: &Hash, right: &Hash) -> Hash {
    Sha256::new().chain_update([1]).chain_update(left).chain_update(right).finalize().into()
}

/// The root of leaves that come one by one; holds one hash for each level.
#[derive(Debug, Clone, Default)]
pub struct Root {
    /// Complete subtrees, the largest first, each with the number of its leaves.
    subtrees: Vec<(u64, Hash)>,
}

impl Root {
    /// Adds the next leaf.
    pub fn push(&mut self, leaf: Hash) {
        let mut grown = (1, leaf);
        while let Some((leaves, left)) = self.subtrees.pop_if(|(leaves, _)| *leaves == grown.0) {
            grown = (leaves.saturating_mul(2), node(&left, &grown.1));
        }
        self.subtrees.push(grown);
    }

    /// The root; that of no leaves is the hash of nothing.
    #[must_use]
    pub fn finish(mut self) -> Hash {
        let Some((_, mut root)) = self.subtrees.pop() else { return Sha256::digest([]).into() };
        while let Some((_, left)) = self.subtrees.pop() {
            root = node(&left, &root);
        }
        root
    }
}

/// The root of leaves at hand.
#[must_use]
pub fn root(leaves: impl IntoIterator<Item = Hash>) -> Hash {
    let mut root = Root::default();
    leaves.into_iter().for_each(|leaf| root.push(leaf));
    root.finish()
}

/// The audit path of a leaf, from the bottom up; empty for a tree of one leaf or a place that is not in it.
#[must_use]
pub fn path(leaves: &[Hash], place: usize) -> Vec<Hash> {
    if place >= leaves.len() || leaves.len() < 2 {
        return Vec::new();
    }
    let (left, right) = leaves.split_at(split(leaves.len()));
    let (mut below, sibling) = match place.checked_sub(left.len()) {
        None => (path(left, place), root(right.iter().copied())),
        Some(place) => (path(right, place), root(left.iter().copied())),
    };
    below.push(sibling);
    below
}

/// Whether a leaf stands at a place of the tree with this root and so many leaves.
#[must_use]
pub fn proves(root: &Hash, leaves: usize, place: usize, leaf: &Hash, path: &[Hash]) -> bool {
    fn climb(leaves: usize, place: usize, leaf: &Hash, path: &[Hash]) -> Option<Hash> {
        if leaves == 1 {
            return path.is_empty().then_some(*leaf);
        }
        let (sibling, below) = path.split_last()?;
        let left = split(leaves);
        match place.checked_sub(left) {
            None => Some(node(&climb(left, place, leaf, below)?, sibling)),
            Some(place) => Some(node(sibling, &climb(leaves.checked_sub(left)?, place, leaf, below)?)),
        }
    }
    place < leaves && climb(leaves, place, leaf, path).as_ref() == Some(root)
}

/// The largest power of two below a number of leaves, at least two.
const fn split(leaves: usize) -> usize {
    leaves.next_power_of_two() / 2
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leaves(count: u8) -> Vec<Hash> {
        (0..count).map(|number| leaf(&[number])).collect()
    }

    #[test]
    fn the_hashes_of_rfc_6962_come_out() {
        let inputs: [&[u8]; 8] = [
            &[],
            &[0x00],
            &[0x10],
            &[0x20, 0x21],
            &[0x30, 0x31],
            &[0x40, 0x41, 0x42, 0x43],
            &[0x50, 0x51, 0x52, 0x53, 0x54, 0x55, 0x56, 0x57],
            &[0x60, 0x61, 0x62, 0x63, 0x64, 0x65, 0x66, 0x67, 0x68, 0x69, 0x6a, 0x6b, 0x6c, 0x6d, 0x6e, 0x6f],
        ];
        // Roots of the first 0, 1, 2, 3 and 8 of these inputs: the reference values of Certificate Transparency.
        for (count, expected) in [
            (0, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
            (1, "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"),
            (2, "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"),
            (3, "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77"),
            (8, "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"),
        ] {
            assert_eq!(hex::encode(root(inputs[..count].iter().map(|input| leaf(input)))), expected, "{count}");
        }
    }

    #[test]
    fn each_leaf_proves_its_own_place_and_no_other() {
        for count in 1..20_u8 {
            let leaves = leaves(count);
            let root = root(leaves.iter().copied());
            for place in 0..leaves.len() {
                let path = path(&leaves, place);
                assert!(proves(&root, leaves.len(), place, &leaves[place], &path), "{place} of {count}");
                let other = (place + 1) % leaves.len();
                assert!(other == place || !proves(&root, leaves.len(), other, &leaves[place], &path));
                assert!(!proves(&root, leaves.len(), place, &leaf(b"other"), &path));
                assert!(!proves(&root, leaves.len(), leaves.len(), &leaves[place], &path));
            }
        }
    }
}
