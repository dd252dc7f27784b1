//! "Did you mean …?"

/// Longer words are not compared: nobody means them.
const LETTERS_MAX: usize = 64;

/// The end of a message about an unknown `word`: the candidate it was probably meant to be, or all of them.
pub(crate) fn suggestion<'a>(
    word: &str,
    candidates: impl Iterator<Item = &'a str> + Clone,
) -> String {
    if let Some(candidate) = closest(word, candidates.clone()) {
        return format!("did you mean `{candidate}`?");
    }
    let all: Vec<String> = candidates.map(|candidate| format!("`{candidate}`")).collect();
    match all.as_slice() {
        [] => "there are none".to_owned(),
        [only] => format!("there is only {only}"),
        _ => format!("expected one of {}", all.join(", ")),
    }
}

/// The candidate that `word` was probably meant to be.
pub(crate) fn closest<'a>(
    word: &str,
    candidates: impl Iterator<Item = &'a str>,
) -> Option<&'a str> {
    let length = word.chars().count();
    if LETTERS_MAX < length {
        return None;
    }
    let tolerance = (length / 3).max(1);
    candidates
        .map(|candidate| (distance(word, candidate), candidate))
        .filter(|(distance, _)| *distance <= tolerance)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// Letters to insert, delete, replace or swap with their neighbour, to make one word of the other.
fn distance(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.chars().collect();
    let mut before_last: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=right.len()).collect();
    let mut previous = None;
    for (row, letter) in left.chars().enumerate() {
        let mut current = vec![row + 1];
        for (column, &other) in right.iter().enumerate() {
            let replaced = last[column] + usize::from(letter != other);
            let mut best = replaced.min(last[column + 1] + 1).min(current[column] + 1);
            let swapped = 0 < column && previous == Some(other) && right[column - 1] == letter;
            if swapped {
                best = best.min(before_last[column - 1] + 1);
            }
            current.push(best);
        }
        before_last = std::mem::replace(&mut last, current);
        previous = Some(letter);
    }
    last[right.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances() {
        for (left, right, expected) in [
            ("", "", 0),
            ("", "abc", 3),
            ("abc", "", 3),
            ("workers", "workers", 0),
            ("wrokers", "workers", 1),
            ("worker", "workers", 1),
            ("bnd", "bind", 1),
            ("kitten", "sitting", 3),
            ("größe", "grösse", 2),
        ] {
            assert_eq!(distance(left, right), expected, "{left} {right}");
        }
    }

    #[test]
    fn suggestions() {
        let check = |word: &str, candidates: &[&str], expected: &str| {
            let actual = suggestion(word, candidates.iter().copied());
            assert_eq!(actual, expected, "{word}");
        };
        check("wrkers", &["bind", "workers", "threads"], "did you mean `workers`?");
        check("zzz", &["bind", "workers"], "expected one of `bind`, `workers`");
        check("zzz", &["echo"], "there is only `echo`");
        check("zzz", &[], "there are none");
        check(&"z".repeat(5000), &["echo"], "there is only `echo`");
    }
}
