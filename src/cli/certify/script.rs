//! The script of a certification: what a receiver must take and what it must refuse, one scene after the other.

use std::time::Duration;

use serde_json::json;

use super::conversation::{Answered, Conversation, Letter, Manner};
use super::report::{Finding, Report, Requirement, Verdict};
use crate::db::Id;

/// A type that no exchange sends: receivers must take what they do not know.
const UNKNOWN: &str = "certificate.invented";
/// A type that every receiver knows.
const KNOWN: &str = "dispatch.departed";
/// Seconds by which an old message is old.
const OLD_S: i64 = 600;
/// Letters sent side by side.
const BURST: usize = 20;
/// Bytes of the largest events the exchange sends.
const LARGE: usize = 20_000;

macro_rules! requirements {
    ($($constant:ident $name:literal $zh:literal $en:literal, $remedy_zh:literal, $remedy_en:literal;)+) => {
        $(const $constant: Requirement =
            Requirement { name: $name, label_zh: $zh, label_en: $en, remedy_zh: $remedy_zh, remedy_en: $remedy_en };)+
    };
}

requirements! {
    ACCEPTS_SIGNED "accepts_signed" "接受签名正确的事件" "takes an event with a right signature", "对原始请求体按 id.timestamp.body 验签，通过后返回 2xx。", "Check the signature over id.timestamp.body with the bytes as they came, and answer 2xx.";
    REFUSES_FORGED "refuses_forged" "拒绝他人签名" "refuses a signature by somebody else", "签名不符时返回 4xx，且不处理该事件。", "Answer 4xx when no signature fits, and do nothing else.";
    REFUSES_CHANGED "refuses_changed" "拒绝被改动的内容" "refuses a body that was changed", "对收到的原始字节验签，不要对重新序列化的内容验签。", "Check the signature over the bytes as they came, not over JSON written anew.";
    REFUSES_BARE "refuses_bare" "拒绝没有签名头的请求" "refuses a request without the headers", "缺少 webhook-id、webhook-timestamp 或 webhook-signature 时返回 4xx。", "Answer 4xx when one of the three headers is missing.";
    REFUSES_OLD "refuses_old" "拒绝过期的时间戳" "refuses an old timestamp", "时间戳与当前时间相差超过五分钟时拒绝，以防重放。", "Refuse timestamps more than five minutes away, or old messages can be played again.";
    REFUSES_AHEAD "refuses_ahead" "拒绝超前的时间戳" "refuses a timestamp that lies ahead", "时间戳超前五分钟以上时拒绝，并校准服务器时钟。", "Refuse timestamps more than five minutes ahead, and keep the clock right.";
    ACCEPTS_ROTATION "accepts_rotation" "密钥轮换期间接受任一有效签名" "takes either of two signatures", "webhook-signature 中以空格分隔的签名只要有一个有效即应接受。", "Several signatures stand in the header with spaces between; one that fits is enough.";
    ACCEPTS_REPEAT "accepts_repeat" "重复投递时仍返回 2xx" "answers 2xx to a repeat", "已处理过的 webhook-id 再次到达时返回 2xx，否则会一直重试。", "Answer 2xx to an id you have had, or it will be tried again for days.";
    COUNTS_ONCE "counts_once" "重复投递只计一次" "counts a repeat once", "按 webhook-id 去重。", "Drop an id you have had.";
    ACCEPTS_AFTER_LOST_ANSWER "accepts_after_lost_answer" "应答丢失后的重试只计一次" "takes the retry after a lost answer, once", "先持久化再应答，重试按 webhook-id 去重。", "Store before answering, and drop what the retry brings again.";
    ACCEPTS_LATE "accepts_late" "乱序到达时返回 2xx" "answers 2xx out of order", "先到后发、后到先发的事件都应返回 2xx。", "Take an event also when one that follows it came before.";
    KEEPS_LATE "keeps_late" "乱序到达的事件不丢失" "loses nothing out of order", "迟到的事件也要入账，但不要让状态倒退（比较 subject.version）。", "Let a late one count, without turning the state back: compare subject.version.";
    ACCEPTS_UNKNOWN "accepts_unknown" "接受未知类型和字段" "takes types and fields it does not know", "忽略不认识的类型和字段并返回 2xx；新类型会不断增加。", "Ignore what you do not know and answer 2xx: more types will come.";
    ACCEPTS_LARGE "accepts_large" "接受 20 kB 的事件" "takes an event of 20 kB", "请求体上限至少设为 64 kB。", "Set the limit of the body to 64 kB at least.";
    ACCEPTS_BURST "accepts_burst" "接受 20 个并发事件" "takes 20 events side by side", "先入队再处理，确保能同时接收。", "Queue first and work afterwards.";
    ANSWERS_IN_TIME "answers_in_time" "在时限内应答" "answers in time", "先应答，再处理；超时视为失败。", "Answer first and work afterwards; no answer in time is a failure.";
    NEVER_REDIRECTS "never_redirects" "不返回重定向" "never redirects", "登记最终地址；重定向不会被跟随。", "Register the final address: redirects are not followed.";
}

/// Plays every scene.
pub async fn play(mut conversation: Conversation) -> Report {
    let talk = &mut conversation;
    let mut found = signatures(talk).await;
    found.extend(repeats(talk).await);
    found.extend(order(talk).await);
    found.extend(kinds_and_sizes(talk).await);
    found.extend(manners(talk));
    Report::of(talk.url(), found)
}

async fn signatures(talk: &mut Conversation) -> Vec<Finding> {
    let chain = Id::new();
    let good = talk.send(&letter(chain, 1), &Manner::default()).await;
    let mut found = vec![taken(ACCEPTS_SIGNED, &[good])];
    let refusals = [
        (REFUSES_FORGED, Manner { forged: true, ..Manner::default() }),
        (REFUSES_CHANGED, Manner { changed: true, ..Manner::default() }),
        (REFUSES_BARE, Manner { bare: true, ..Manner::default() }),
        (REFUSES_OLD, Manner { seconds_off: -OLD_S, ..Manner::default() }),
        (REFUSES_AHEAD, Manner { seconds_off: OLD_S, ..Manner::default() }),
    ];
    for (requirement, manner) in refusals {
        let answer = talk.send(&letter(chain, 2), &manner).await;
        let refused = answer.status.is_some_and(|status| (400..500).contains(&status));
        found.push(finding(requirement, refused, seen(&[answer])));
    }
    let rotating = talk.send(&letter(chain, 2), &Manner { rotating: true, ..Manner::default() }).await;
    found.push(taken(ACCEPTS_ROTATION, &[rotating]));
    found
}

async fn repeats(talk: &mut Conversation) -> Vec<Finding> {
    let repeated = letter(Id::new(), 1);
    let mut answers = Vec::new();
    for seconds_off in [-2, -1, 0] {
        answers.push(talk.send(&repeated, &Manner { seconds_off, ..Manner::default() }).await);
    }
    let mut found = vec![taken(ACCEPTS_REPEAT, &answers)];
    found.push(counted(talk, COUNTS_ONCE, &[&repeated], &[]).await);
    let lost = letter(Id::new(), 1);
    talk.send_and_hang_up(&lost).await;
    let retried = talk.send(&lost, &Manner::default()).await;
    found.push(counted(talk, ACCEPTS_AFTER_LOST_ANSWER, &[&lost], &[retried]).await);
    found
}

async fn order(talk: &mut Conversation) -> Vec<Finding> {
    let chain = Id::new();
    let letters = [1, 2, 3].map(|sequence| letter(chain, sequence));
    let [first, second, third] = &letters;
    let mut answers = Vec::new();
    for letter in [first, third, second] {
        answers.push(talk.send(letter, &Manner::default()).await);
    }
    let kept = counted(talk, KEEPS_LATE, &[first, second, third], &[]).await;
    vec![taken(ACCEPTS_LATE, &answers), kept]
}

async fn kinds_and_sizes(talk: &mut Conversation) -> Vec<Finding> {
    let unknown = Conversation::letter(Id::new(), 1, UNKNOWN, &json!({ "never": ["seen", "before"] }));
    let unknown = talk.send(&unknown, &Manner::default()).await;
    let large = Conversation::letter(Id::new(), 1, KNOWN, &json!("字".repeat(LARGE / 3)));
    let large = talk.send(&large, &Manner::default()).await;
    let burst: Vec<Letter> = (0..BURST).map(|_| letter(Id::new(), 1)).collect();
    let burst = talk.send_together(&burst).await;
    vec![taken(ACCEPTS_UNKNOWN, &[unknown]), taken(ACCEPTS_LARGE, &[large]), taken(ACCEPTS_BURST, &burst)]
}

/// What holds for everything that was answered.
fn manners(talk: &Conversation) -> Vec<Finding> {
    let slowest = talk.answers.iter().map(|answer| answer.took).max().unwrap_or_default();
    let in_time = slowest <= talk.patience && talk.answers.iter().all(|answer| answer.status.is_some());
    let redirects = talk.answers.iter().filter(|answer| answer.status.is_some_and(|status| status / 100 == 3)).count();
    vec![
        finding(ANSWERS_IN_TIME, in_time, format!("{} ms", slowest.as_millis())),
        finding(NEVER_REDIRECTS, redirects == 0, format!("{redirects}")),
    ]
}

fn letter(chain: Id, sequence: i64) -> Letter {
    Conversation::letter(chain, sequence, KNOWN, &json!(null))
}

/// Met when everything was taken.
fn taken(requirement: Requirement, answers: &[Answered]) -> Finding {
    finding(requirement, answers.iter().all(|answer| answer.is_taken()), seen(answers))
}

/// Met when each of the letters counts once at the receiver, and everything was taken.
async fn counted(talk: &Conversation, requirement: Requirement, letters: &[&Letter], answers: &[Answered]) -> Finding {
    let Some(ids) = talk.counted().await else {
        let untold = "没有 --state-url / no --state-url".to_owned();
        return Finding { requirement, verdict: Verdict::NotChecked, seen: untold };
    };
    let times: Vec<usize> = letters.iter().map(|letter| ids.iter().filter(|id| **id == letter.id).count()).collect();
    let once = times.iter().all(|times| *times == 1);
    let told: Vec<String> = times.iter().map(|times| format!("×{times}")).collect();
    finding(requirement, once && answers.iter().all(|answer| answer.is_taken()), told.join(", "))
}

fn finding(requirement: Requirement, met: bool, seen: String) -> Finding {
    Finding { requirement, verdict: if met { Verdict::Passed } else { Verdict::Failed }, seen }
}

/// The different statuses, and the longest wait.
fn seen(answers: &[Answered]) -> String {
    let mut statuses: Vec<String> = answers
        .iter()
        .map(|answer| answer.status.map_or_else(|| "没有应答 / no answer".to_owned(), |status| status.to_string()))
        .collect();
    statuses.sort();
    statuses.dedup();
    let longest = answers.iter().map(|answer| answer.took).max().unwrap_or(Duration::ZERO);
    format!("{}, {} ms", statuses.join(" "), longest.as_millis())
}
