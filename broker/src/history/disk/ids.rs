//! A small set of ids that may say yes to one that is not in it, and never no to one that is: a Bloom
//! filter.

/// Bits for each id.
const BITS_PER_ID: usize = 12;
/// Bits that stand for one id. With 12 bits for each, one id in 280 that is not there seems to be.
const PROBES: u64 = 6;
/// Fewer would say yes to nearly everything when there are few ids.
const BYTES_MIN: usize = 8;

/// The set as bytes.
pub(super) fn set_of(ids: &[u64]) -> Vec<u8> {
    let bytes = (ids.len() * BITS_PER_ID).div_ceil(8).max(BYTES_MIN);
    let mut set = vec![0; bytes];
    for id in ids {
        for bit in bits(*id, bytes) {
            set[bit / 8] |= 1 << (bit % 8);
        }
    }
    set
}

/// Whether `id` may be in the set.
pub(super) fn may_have(set: &[u8], id: u64) -> bool {
    !set.is_empty() && bits(id, set.len()).all(|bit| set[bit / 8] & (1 << (bit % 8)) != 0)
}

fn bits(id: u64, bytes: usize) -> impl Iterator<Item = usize> {
    let bits = bytes as u64 * 8;
    let (start, step) = (id, id.rotate_right(32) | 1);
    (0..PROBES).map(move |probe| {
        let bit = start.wrapping_add(step.wrapping_mul(probe)) % bits;
        usize::try_from(bit).unwrap_or_default()
    })
}

#[cfg(test)]
mod tests {
    use super::super::super::record::hash;
    use super::*;

    #[test]
    fn what_is_in_the_set_is_always_found_and_little_else() {
        for count in [0, 1, 2, 30, 1_000] {
            let ids: Vec<u64> = (0..count).map(|n| hash(&format!("in-{n}"))).collect();
            let set = set_of(&ids);
            assert!(ids.iter().all(|id| may_have(&set, *id)));
            let others = (0..10_000).map(|n| hash(&format!("out-{n}")));
            let wrong = others.filter(|id| may_have(&set, *id)).count();
            assert!(wrong < 200, "{wrong} of 10,000 with {count}");
        }
        assert!(!may_have(&[], 1));
    }
}
