//! A run over an agreement of a million placements and a million claims, beside a hand-written join of the same tables.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use diesel::RunQueryDsl;
use diesel::sql_types::{BigInt, Text};
use labour_exchange::db::{DbConnection, Id, RowSet, statement};
use labour_exchange::error::Result;
use labour_exchange::reconciliation::store::facts::Books;
use labour_exchange::reconciliation::walk::Walk;
use labour_exchange::retention::checks::RuleBook;
use serde_json::json;

use crate::scene::{Scene, Side};

/// Rows written at a time.
const AT_ONCE: usize = 20_000;
/// How often one looks whether a job is done.
pub const LOOK_AGAIN: Duration = Duration::from_millis(10);
/// Facts that arrive between the first run and the second.
const NEW_FACTS: usize = 1_000;
/// So much earlier everything was recorded, in microseconds: a run looks again at what was recorded shortly before the last one.
const A_DAY: i64 = 86_400_000_000;

/// Seeds an agreement with that many placements and claims, and measures.
pub async fn measure(scene: &Scene, rows: usize) {
    let side = scene.county("430522", "XS").await;
    let seeded = Instant::now();
    let template = side.one_arrival(rows).await;
    let placements = multiply(scene, &template, rows).await;
    println!("seeded: {rows} placements and claims in {:.0} s", seeded.elapsed().as_secs_f64());

    // The first time reads the tables into memory.
    scene.timed(move |connection| join(connection, template.agreement)).await;
    let join = scene.timed(move |connection| join(connection, template.agreement)).await;
    println!("{:28} {:>9.2} s", "hand-written join", join.as_secs_f64());
    let compared = scene.timed(move |connection| compare(connection, template.agreement)).await;
    told("comparison", compared, join);
    let first = run(&side).await;
    told("first run with its writes", first, join);
    let now = Instant::now();
    side.claim("no_show", &placements[1_000..1_000 + NEW_FACTS]).await;
    println!("{:28} {:>9.2} s", "1,000 new facts", now.elapsed().as_secs_f64());
    let second = run(&side).await;
    println!(
        "{:28} {:>9.3} s   {:>6.2} % of the first run",
        "second run",
        second.as_secs_f64(),
        100.0 * second.as_secs_f64() / first.as_secs_f64()
    );
}

fn told(name: &str, took: Duration, join: Duration) {
    println!("{name:28} {:>9.2} s   {:>6.2} of the join", took.as_secs_f64(), took.as_secs_f64() / join.as_secs_f64());
}

async fn run(side: &Side) -> Duration {
    let memory = Memory::watch();
    let begun = Instant::now();
    let runs = side.path("/reconciliations");
    let mut run = side.post(&side.origin, &runs, &json!({ "cut_off_on": crate::scene::today() })).await;
    // A long run is a job, and the run goes by its id.
    let path = format!("{runs}/{}", run["id"].as_str().unwrap());
    while run["rows_hash"].is_null() {
        tokio::time::sleep(LOOK_AGAIN).await;
        run = side.get(&path).await;
    }
    let took = begun.elapsed();
    println!("  memory grew by {} MiB at the most", memory.most());
    println!("  {} rows, {} examined, hash {}", run["row_count"], run["examined_rows"], run["rows_hash"]);
    took
}

/// What every made-up row is a copy of.
#[derive(Debug, Clone, Copy)]
pub struct Template {
    /// The agreement.
    pub agreement: Id,
    /// The placement, with the worker and the claim of its own.
    pub placement: Id,
}

/// Copies the worker, the placement and the claim of the template. Of a hundred placements one has no claim, and the claim that is left over
/// names a person in its place: half of them persons of this agreement, half nobody's.
async fn multiply(scene: &Scene, template: &Template, rows: usize) -> Vec<String> {
    let mut placements = Vec::with_capacity(rows);
    for first in (1..rows).step_by(AT_ONCE) {
        let copies: Vec<Copy> = (first..rows.min(first + AT_ONCE)).map(Copy::new).collect();
        placements.extend(copies.iter().map(|copy| copy.placement.to_string()));
        let template = *template;
        scene.write(move |connection| write(connection, template, &copies)).await;
    }
    let (template, factor) = (*template, i64::try_from(rows).unwrap());
    scene
        .write(move |connection| {
            statement("update tally set persons = persons * ?, placements = placements * ? where agreement_id = ?")
                .bind(factor)
                .bind(factor)
                .bind(template.agreement)
                .run(connection)?;
            statement("update dispatch set updated_at = updated_at - ? where agreement_id = ?")
                .bind(A_DAY)
                .bind(template.agreement)
                .run(connection)?;
            statement("update place_account set consumed = consumed * ? where agreement_id = ?")
                .bind(factor)
                .bind(template.agreement)
                .run(connection)?;
            Ok(())
        })
        .await;
    scene.analyze().await;
    placements
}

#[derive(Debug)]
struct Copy {
    worker: Id,
    placement: Id,
    claim: Id,
    key: [u8; 32],
    /// Whose number the claim names; none where it names the placement.
    named: Option<[u8; 32]>,
}

impl Copy {
    fn new(place: usize) -> Self {
        let key: [u8; 32] = std::array::from_fn(|_| fastrand());
        let named = match place % 200 {
            7 => Some(key),
            107 => Some(std::array::from_fn(|_| fastrand())),
            _ => None,
        };
        Self { worker: Id::new(), placement: Id::new(), claim: Id::new(), key, named }
    }
}

fn fastrand() -> u8 {
    use std::cell::Cell;
    thread_local!(static STATE: Cell<u64> = const { Cell::new(0x9e37_79b9_7f4a_7c15) });
    STATE.with(|state| {
        let mut x = state.get();
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        state.set(x);
        (x >> 32) as u8
    })
}

fn write(connection: &mut DbConnection, template: Template, copies: &[Copy]) -> Result<()> {
    let rows = RowSet::of(copies)
        .shared("agreement_id", template.agreement)
        .shared("template", template.placement)
        .shared("earlier", A_DAY)
        .column("worker_id", |copy| copy.worker)
        .column("placement_id", |copy| copy.placement)
        .column("claim_id", |copy| copy.claim)
        .column("key", |copy| copy.key)
        .column("named", |copy| copy.named);
    statement(
        "insert into worker (party_id, id, partner_ref, name_sealed, identity_sealed, phone_sealed, identity_index, exchange_index, person_id, \
         name_index, sex, birth_year, hukou_code, state, version, created_at, updated_at) \
         select w.party_id, r.worker_id, null, w.name_sealed, w.identity_sealed, w.phone_sealed, r.key, r.key, r.worker_id, \
         w.name_index, w.sex, w.birth_year, w.hukou_code, w.state, w.version, w.created_at, w.updated_at \
         from ? r, placement p, worker w \
         where p.agreement_id = r.agreement_id and p.id = r.template and w.party_id = p.origin_id and w.id = p.worker_id",
    )
    .bind(rows.clone())
    .run(connection)?;
    statement(
        "insert into placement (agreement_id, id, dispatch_id, quota_id, cohort_id, worker_id, origin_id, destination_id, employer_id, plan_year, \
         partner_ref, group_code, scope, arrival_due_on, state, departed_on, outcome_on, onboarded_on, real_employer_id, real_region_code, evidence, \
         certain, late, disputed, holds_place, ended_on, end_reason, version, enrolled_at, cancelled_at, enrolled_again_at, departure_recorded_at) \
         select p.agreement_id, r.placement_id, p.dispatch_id, p.quota_id, p.cohort_id, r.worker_id, p.origin_id, p.destination_id, p.employer_id, \
         p.plan_year, null, p.group_code, p.scope, p.arrival_due_on, p.state, p.departed_on, p.outcome_on, p.onboarded_on, p.real_employer_id, \
         p.real_region_code, p.evidence, p.certain, p.late, p.disputed, p.holds_place, p.ended_on, p.end_reason, p.version, \
         p.enrolled_at - r.earlier, p.cancelled_at, p.enrolled_again_at, p.departure_recorded_at - r.earlier \
         from ? r, placement p where p.agreement_id = r.agreement_id and p.id = r.template",
    )
    .bind(rows.clone())
    .run(connection)?;
    statement(
        "insert into claim (agreement_id, id, placement_id, claimant_id, claimant_role, client_ref, outcome, happened_on, employer_id, region_code, \
         evidence, late, exchange_index, name_index, name_sealed, content_hash, replaced_by, recorded_at) \
         select c.agreement_id, r.claim_id, case when r.named is null then r.placement_id end, c.claimant_id, c.claimant_role, null, c.outcome, \
         c.happened_on, c.employer_id, c.region_code, c.evidence, c.late, r.named, case when r.named is not null then w.name_index end, \
         case when r.named is not null then w.name_sealed end, c.content_hash, null, c.recorded_at - r.earlier \
         from ? r, placement p, worker w, claim c where p.agreement_id = r.agreement_id and p.id = r.template and w.party_id = p.origin_id \
         and w.id = p.worker_id and c.agreement_id = p.agreement_id and c.placement_id = p.id",
    )
    .bind(rows)
    .run(connection)?;
    Ok(())
}

/// The comparison as somebody would write it by hand: each placement with the claims about it or about its person, and the claims of nobody.
fn join(connection: &mut DbConnection, agreement: Id) -> Result<()> {
    let rows: Vec<(String, i64)> = statement(
        "select situation, count(*) from ( \
           select case when c.id is null and n.id is null then 'unanswered' when coalesce(c.outcome, n.outcome) <> 'onboarded' then 'absent' \
             when coalesce(c.employer_id, n.employer_id, p.employer_id) <> p.employer_id then 'wrong employer' else 'matched' end as situation \
           from placement p join worker w on w.party_id = p.origin_id and w.id = p.worker_id \
           left join claim c on c.agreement_id = p.agreement_id and c.placement_id = p.id and c.replaced_by is null \
           left join claim n on n.agreement_id = p.agreement_id and n.exchange_index = w.exchange_index and n.placement_id is null \
             and n.replaced_by is null \
           where p.agreement_id = ? \
           union all \
           select 'unannounced' from claim c where c.agreement_id = ? and c.placement_id is null and c.replaced_by is null and not exists \
             (select 1 from worker w join placement p on p.origin_id = w.party_id and p.worker_id = w.id \
              where w.exchange_index = c.exchange_index and p.agreement_id = c.agreement_id) \
         ) t group by situation",
    )
    .bind(agreement)
    .bind(agreement)
    .returning::<(Text, BigInt)>()
    .load(connection)?;
    println!("  join: {rows:?}");
    Ok(())
}

/// The comparison alone: every row is put before a visitor that counts it.
fn compare(connection: &mut DbConnection, agreement: Id) -> Result<()> {
    let now = labour_exchange::clock::Clock::System.now();
    let terms = RuleBook::read(connection, agreement)?;
    let books = Books { agreement_id: agreement, cut_off: now.day(), known_before: now.just_after() };
    let mut walk = Walk::begin(connection, books, &terms)?;
    let mut rows = 0_u64;
    while walk.advance(connection, |_| {
        rows += 1;
        Ok(())
    })? {}
    println!("  comparison: {rows} rows");
    Ok(())
}

/// Watches the memory of the process that no file stands behind: SQLite maps its file into memory as well, which the kernel takes back.
pub struct Memory {
    over: Arc<AtomicBool>,
    watcher: JoinHandle<u64>,
}

impl Memory {
    /// Begins to watch.
    pub fn watch() -> Self {
        let over = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&over);
        let watcher = std::thread::spawn(move || {
            let before = anonymous_kib();
            let mut highest = before;
            while !told.load(Ordering::Relaxed) {
                highest = highest.max(anonymous_kib());
                std::thread::sleep(Duration::from_millis(20));
            }
            highest - before
        });
        Self { over, watcher }
    }

    /// How much it has grown at the most, in MiB.
    pub fn most(self) -> u64 {
        self.over.store(true, Ordering::Relaxed);
        self.watcher.join().unwrap() / 1024
    }
}

fn anonymous_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("RssAnon")).unwrap_or_default();
    line.split_whitespace().nth(1).and_then(|kib| kib.parse().ok()).unwrap_or_default()
}
