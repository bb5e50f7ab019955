//! Cron expressions: their next times, and what is refused.

use crate::trigger::Cron;
use jiff::Timestamp;

/// The times that follow `from`, as many as are expected.
#[track_caller]
fn check(text: &str, from: &str, expected: &[&str]) {
    let cron = Cron::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
    let mut at: Timestamp = from.parse().unwrap();
    for expected in expected {
        at = cron.next_after(at).unwrap();
        assert_eq!(at.to_string(), *expected, "{text}");
    }
}

#[test]
fn times_of_the_day() {
    check("30 5,17 * * *", "2026-03-01T05:29:59Z", &["2026-03-01T05:30:00Z", "2026-03-01T17:30:00Z", "2026-03-02T05:30:00Z"]);
    check("0 0 * * *", "2026-03-01T00:00:00Z", &["2026-03-02T00:00:00Z"]);
    check("0 0 * * *", "2026-02-28T23:59:59.5Z", &["2026-03-01T00:00:00Z"]);
    check("15 4,5 * * *", "2026-12-31T05:15:00Z", &["2027-01-01T04:15:00Z"]);
}

#[test]
fn steps_ranges_and_lists() {
    check("*/15 * * * *", "2026-01-01T00:44:00Z", &["2026-01-01T00:45:00Z", "2026-01-01T01:00:00Z"]);
    check(
        "20/15 * * * *",
        "2026-01-01T00:00:00Z",
        &["2026-01-01T00:20:00Z", "2026-01-01T00:35:00Z", "2026-01-01T00:50:00Z", "2026-01-01T01:20:00Z"],
    );
    check("30-40/10 * * * *", "2026-01-01T00:00:00Z", &["2026-01-01T00:30:00Z", "2026-01-01T00:40:00Z", "2026-01-01T01:30:00Z"]);
    check("2,10 4,5 * * *", "2026-01-01T04:02:00Z", &["2026-01-01T04:10:00Z", "2026-01-01T05:02:00Z"]);
    check("0 4-6 * * *", "2026-01-01T05:00:00Z", &["2026-01-01T06:00:00Z", "2026-01-02T04:00:00Z"]);
    check("0 */8 * * *", "2026-01-01T08:00:00Z", &["2026-01-01T16:00:00Z", "2026-01-02T00:00:00Z"]);
    check("  0   4  *\t* * ", "2026-01-01T00:00:00Z", &["2026-01-01T04:00:00Z"]);
}

#[test]
fn names_of_months_and_days() {
    check("0 0 1 JAN,jul *", "2026-02-01T00:00:00Z", &["2026-07-01T00:00:00Z", "2027-01-01T00:00:00Z"]);
    // 2026-01-01 is a Thursday.
    check("0 0 * * MON-FRI", "2026-01-01T00:00:00Z", &["2026-01-02T00:00:00Z", "2026-01-05T00:00:00Z"]);
    check("0 0 * * 0", "2026-01-01T00:00:00Z", &["2026-01-04T00:00:00Z", "2026-01-11T00:00:00Z"]);
    check("0 0 * * sun", "2026-01-01T00:00:00Z", &["2026-01-04T00:00:00Z"]);
    check("30 5 * * 1,3", "2026-01-01T00:00:00Z", &["2026-01-05T05:30:00Z", "2026-01-07T05:30:00Z"]);
}

#[test]
fn ends_of_months_and_leap_years() {
    check("0 0 31 * *", "2026-01-31T00:00:00Z", &["2026-03-31T00:00:00Z", "2026-05-31T00:00:00Z"]);
    check("0 0 30 * *", "2026-01-30T00:00:00Z", &["2026-03-30T00:00:00Z"]);
    check("0 0 29 2 *", "2026-01-01T00:00:00Z", &["2028-02-29T00:00:00Z", "2032-02-29T00:00:00Z"]);
    check("0 0 29 FEB *", "2097-01-01T00:00:00Z", &["2104-02-29T00:00:00Z"]);
    check("59 23 28 2 *", "2026-02-28T23:59:00Z", &["2027-02-28T23:59:00Z"]);
}

#[test]
fn day_of_the_month_or_day_of_the_week_is_enough_when_both_are_given() {
    // 2026-01-02 is a Friday.
    check(
        "0 0 13 * FRI",
        "2026-01-01T00:00:00Z",
        &["2026-01-02T00:00:00Z", "2026-01-09T00:00:00Z", "2026-01-13T00:00:00Z", "2026-01-16T00:00:00Z"],
    );
    check(
        "0 0 1,15 2 1",
        "2026-01-20T00:00:00Z",
        &["2026-02-01T00:00:00Z", "2026-02-02T00:00:00Z", "2026-02-09T00:00:00Z", "2026-02-15T00:00:00Z"],
    );
}

#[test]
fn a_day_field_that_begins_with_a_star_narrows_the_other() {
    check("0 0 */2 * MON", "2026-01-01T00:00:00Z", &["2026-01-05T00:00:00Z", "2026-01-19T00:00:00Z", "2026-02-09T00:00:00Z"]);
    check("0 0 13 * */5", "2026-01-01T00:00:00Z", &["2026-02-13T00:00:00Z"]);
}

#[test]
fn five_minutes_apart_is_allowed_and_less_is_not() {
    for text in ["*/5 * * * *", "0,55 * * * *", "0 0 * * *", "0,58 23 * * *", "58 23 * * *", "0,57 0,23 1 * *", "0,57 0,23 * * MON"] {
        assert!(Cron::parse(text).is_ok(), "{text}: {:?}", Cron::parse(text));
    }
    for (text, minutes) in [
        ("* * * * *", "1 minute apart"),
        ("*/4 * * * *", "4 minutes apart"),
        ("0,59 * * * *", "1 minute apart"),
        ("0,3 12 * * *", "3 minutes apart"),
        ("0,57 0,23 * * *", "3 minutes apart"),
        ("0,57 0,23 1,2 * *", "3 minutes apart"),
        ("0,57 0,23 1,31 * *", "3 minutes apart"),
        ("*/7 * * * *", "4 minutes apart"),
    ] {
        let error = Cron::parse(text).expect_err(text).to_string();
        assert!(error.contains(minutes), "{text}: {error}");
    }
}

#[test]
fn what_is_no_expression_is_explained() {
    for (text, message) in [
        ("", "five fields (minute, hour, day of the month, month, day of the week), and this has 0"),
        ("0 4 * *", "and this has 4"),
        ("0 4 * * * *", "and this has 6"),
        ("@daily", "`@daily` is not known"),
        ("60 4 * * *", "minute: `60` is not from 0 to 59"),
        ("0 24 * * *", "hour: `24` is not from 0 to 23"),
        ("0 4 0 * *", "day of the month: `0` is not from 1 to 31"),
        ("0 4 * 13 *", "month: `13` is not from 1 to 12 or JAN to DEC"),
        ("0 4 * * 7", "day of the week: `7` is no day; Sunday is `0`"),
        ("0 4 * * TODAY", "day of the week: `TODAY` is not from 0 to 6 or SUN to SAT"),
        ("0 4 * JANUARY *", "month: `JANUARY`"),
        ("0 6-4 * * *", "hour: the range `6-4` goes downwards"),
        ("0 4 * * FRI-MON", "day of the week: the range `FRI-MON` goes downwards"),
        ("*/0 * * * *", "minute: `/0` is no step from 1 to 59"),
        ("*/60 * * * *", "minute: `/60` is no step from 1 to 59"),
        ("*/x * * * *", "minute: `/x` is no step"),
        ("1,,2 * * * *", "minute: `` is not from 0 to 59"),
        ("-5 * * * *", "minute: `` is not"),
        ("+5 * * * *", "minute: `+5` is not"),
        ("? * * * *", "minute: `?` is not"),
        ("0 0 31 2 *", "no day is ever like this"),
        ("0 0 31 4,6,9,11 *", "no day is ever like this"),
        ("99999999999 * * * *", "minute: `99999999999` is not"),
    ] {
        let error = Cron::parse(text).expect_err(text).to_string();
        assert!(error.contains(message), "{text}: {error}");
    }
}

#[test]
fn a_day_that_never_comes_is_fine_beside_a_weekday() {
    check("0 0 31 2 MON", "2026-01-01T00:00:00Z", &["2026-02-02T00:00:00Z"]);
}
