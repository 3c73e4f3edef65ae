//! The careful lane: what came a second time may be what killed a worker, so it is tried in ever smaller company.

use crate::delivery::{Cause, Delivery, Disposition};
use crate::failures;
use crate::pipeline::Pipeline;
use audit::Keys;
use domain::Digest;
use uuid::Uuid;

/// How deliveries are let in.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Pass {
    /// The job that tries them again. It has attempts of its own: what was given up before is not given up at once.
    pub job: Option<Uuid>,
    /// Goes through although its service is parked.
    pub probe: bool,
}

impl Pipeline {
    /// The careful lane: attempts are counted before evaluation and forgotten when it ended; groups shrink with them.
    pub(crate) async fn careful(&self, deliveries: &[Delivery], pass: Pass) -> Vec<Disposition> {
        let mut dispositions = vec![Disposition::Hold; deliveries.len()];
        let office = (self.office)();
        let key = |d: &Delivery| key(office.audit_keys(), pass.job, d.sender.as_deref(), &d.body);
        let keys: Vec<_> = deliveries.iter().map(key).collect();
        let Some(attempts) = self.held(|| self.store.attempts(&keys)).await else { return dispositions };
        let (groups, hopeless) = groups(&attempts);
        for index in hopeless {
            let attempts = attempts.get(index).copied().unwrap_or_default();
            if let Some(slot) = dispositions.get_mut(index) {
                *slot = Disposition::DeadLetter(Cause::attempts_exhausted(attempts));
            }
            let place = deliveries.get(index).and_then(|delivery| failures::place(&office, &delivery.body));
            if let Some((service, ars)) = place {
                self.weather(&[(&service, &ars, true)]).await;
            }
        }
        for group in groups {
            let group_keys: Vec<_> = group.iter().filter_map(|i| keys.get(*i).copied()).collect();
            let now = (self.runtime.clock)();
            if self.held(|| self.store.count_attempts(&group_keys, now)).await.is_none() {
                return dispositions;
            }
            self.group(deliveries, &group, pass, &keys, &mut dispositions).await;
        }
        dispositions
    }
}

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

/// What is attempted: the same sender's same bytes, by a source or by a job. Keyed: nobody can guess what was sent.
fn key(keys: &Keys, job: Option<Uuid>, sender: Option<&str>, body: &[u8]) -> Digest {
    let sender = sender.unwrap_or_default().as_bytes();
    let parts = match &job {
        None => Digest::of_parts([sender, body]),
        Some(job) => Digest::of_parts([job.as_bytes().as_slice(), sender, body]),
    };
    keys.content(&parts.0)
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
