//! The least that turns one order of names into another.

use crate::map::HashMap;

/// At `at` of the list as it is by then, `delete` names are taken out and `insert` put in.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Edit<'a> {
    pub(super) at: usize,
    pub(super) delete: usize,
    pub(super) insert: &'a [&'a str],
}

/// What turns `before` into `after`, names being unique in each: a longest common subsequence
/// stays where it is. The edits are applied one after the other, front to back.
pub(super) fn edits<'a>(before: &[&str], after: &'a [&'a str]) -> Vec<Edit<'a>> {
    let same = |it: &(&&str, &&str)| it.0 == it.1;
    let front = before.iter().zip(after).take_while(same).count();
    let (before, after) = (&before[front..], &after[front..]);
    let back = before.iter().rev().zip(after.iter().rev());
    let back = back.take_while(same).count();
    let before = &before[..before.len() - back];
    let after = &after[..after.len() - back];

    let places: HashMap<&str, usize> = before.iter().enumerate().map(|(i, it)| (*it, i)).collect();
    let both = after.iter().enumerate();
    let both: Vec<(usize, usize)> = both
        .filter_map(|(new, name)| Some((*places.get(name)?, new)))
        .collect();
    let mut edits = Vec::new();
    let (mut old, mut new) = (0, 0);
    let end = (before.len(), after.len());
    for (old_next, new_next) in longest_rising(&both).into_iter().chain([end]) {
        let delete = old_next - old;
        let insert = &after[new..new_next];
        if delete > 0 || !insert.is_empty() {
            edits.push(Edit {
                at: front + new,
                delete,
                insert,
            });
        }
        (old, new) = (old_next + 1, new_next + 1);
    }
    edits
}

/// A longest subsequence whose first numbers rise (patience sorting: `n log n`).
fn longest_rising(pairs: &[(usize, usize)]) -> Vec<(usize, usize)> {
    // For each length, the index of the pair that ends such a subsequence lowest.
    let mut ends: Vec<usize> = Vec::new();
    let mut previous: Vec<Option<usize>> = Vec::with_capacity(pairs.len());
    for (index, (value, _)) in pairs.iter().enumerate() {
        let length = ends.partition_point(|end| pairs[*end].0 < *value);
        previous.push(length.checked_sub(1).map(|shorter| ends[shorter]));
        match ends.get_mut(length) {
            Some(end) => *end = index,
            None => ends.push(index),
        }
    }
    let mut at = ends.last().copied();
    let mut rising = Vec::with_capacity(ends.len());
    while let Some(index) = at {
        rising.push(pairs[index]);
        at = previous[index];
    }
    rising.reverse();
    rising
}

#[cfg(test)]
mod tests {
    use proptest::{prelude::*, sample::subsequence};

    use super::edits;

    fn names() -> impl Strategy<Value = Vec<&'static str>> {
        const ALL: [&str; 12] = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l"];
        subsequence(ALL.to_vec(), 0..=ALL.len()).prop_shuffle()
    }

    #[test]
    fn one_name_that_moves_costs_one_name() {
        let before = ["a", "b", "c", "d", "e"];
        let after = ["a", "c", "d", "b", "e"];
        let edits = edits(&before, &after);
        let inserted: usize = edits.iter().map(|it| it.insert.len()).sum();
        assert_eq!(inserted, 1);
    }

    proptest! {
        #[test]
        fn edits_lead_from_one_order_to_the_other(before in names(), after in names()) {
            let mut list = before.clone();
            for edit in edits(&before, &after) {
                list.splice(edit.at..edit.at + edit.delete, edit.insert.iter().copied());
            }
            prop_assert_eq!(&list, &after);
        }
    }
}
