//! Problems put together.

use super::{Problem, reason};

#[test]
fn many_problems_fit_in_one_message_and_the_rest_is_counted() {
    let problems: Vec<Problem> = (0..1000)
        .map(|index| {
            let message = format!("spec.rules[{index}]: {}", "x".repeat(100));
            Problem::new(reason::BACKEND_NOT_FOUND, message)
        })
        .collect();
    let joined = Problem::join(&problems).unwrap();
    assert_eq!(joined.reason, reason::BACKEND_NOT_FOUND);
    assert!(joined.message.len() < 10_000, "{}", joined.message.len());
    let shown = joined.message.matches("spec.rules").count();
    let rest = format!("; and {} more", problems.len() - shown);
    assert!(joined.message.ends_with(&rest), "{}", joined.message);
}

#[test]
fn a_message_that_is_said_twice_is_told_once() {
    let problem = Problem::new(reason::INVALID, "spec.name: bad");
    let joined = Problem::join(&[problem.clone(), problem.clone()]);
    assert_eq!(joined, Some(problem));
    assert_eq!(Problem::join(&[]), None);
}
