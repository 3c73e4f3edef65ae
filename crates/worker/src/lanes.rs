//! The careful lane: what came a second time may be what killed a worker, so it is tried in ever smaller company.

use domain::Digest;

/// Largest group by how often its members were attempted before; none: hopeless.
pub(crate) fn group_size(attempts: u32) -> Option<usize> {
    match attempts {
        0 => Some(64),
        1 => Some(8),
        2..MAX_ATTEMPTS => Some(1),
        _ => None,
    }
}

/// Attempts after which a message is a dead letter. Three of them it had to itself.
pub(crate) const MAX_ATTEMPTS: u32 = 5;

/// What is attempted: the same sender's same bytes.
pub(crate) fn key(sender: Option<&str>, body: &[u8]) -> Digest {
    Digest::of_parts([sender.unwrap_or_default().as_bytes(), body])
}

/// Groups indices by attempts: fewest first, each group no larger than its attempts allow.
pub(crate) fn groups(attempts: &[u32]) -> (Vec<Vec<usize>>, Vec<usize>) {
    let mut hopeless = Vec::new();
    let mut groups: Vec<(usize, Vec<usize>)> = Vec::new();
    let mut order: Vec<(u32, usize)> = attempts.iter().copied().zip(0..).collect();
    order.sort();
    for (attempts, index) in order {
        match group_size(attempts) {
            None => hopeless.push(index),
            Some(size) => match groups.last_mut() {
                Some((limit, members)) if *limit == size && members.len() < size => members.push(index),
                Some(_) | None => groups.push((size, vec![index])),
            },
        }
    }
    (groups.into_iter().map(|(_, members)| members).collect(), hopeless)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_more_often_it_failed_the_smaller_the_company() {
        let (groups, hopeless) = groups(&[0, 2, 1, 0, 7, 1, 3]);
        assert_eq!(groups, [vec![0, 3], vec![2, 5], vec![1], vec![6]]);
        assert_eq!(hopeless, [4]);
    }

    #[test]
    fn groups_never_exceed_their_size() {
        let (groups, _) = groups(&[0; 130]);
        assert_eq!(groups.iter().map(Vec::len).collect::<Vec<_>>(), [64, 64, 2]);
    }
}
