//! The scopes, one table. Each operation names its scope in the type of its caller and in the API document; a test compares the two.

/// What an operation needs.
pub trait Permission: 'static {
    /// The scope a token must have.
    const SCOPE: &'static str;
}

macro_rules! permissions {
    ($($name:ident $scope:literal $en:literal $zh:literal;)+) => {
        $(#[doc = $en] #[derive(Debug, Clone, Copy)] pub struct $name;
        impl Permission for $name { const SCOPE: &'static str = $scope; })+

        /// Every scope with what it allows, in English and Chinese.
        pub const SCOPES: &[(&str, &str, &str)] = &[$(($scope, $en, $zh)),+];
    };
}

permissions! {
    PartiesRead "parties.read" "Read parties and zones" "读取单位和园区";
    PartiesWrite "parties.write" "Register parties, zones and clients (operator)" "登记单位、园区和客户端（运营方）";
    AgreementsRead "agreements.read" "Read agreements, quotas, dispatches, placements, claims, reconciliation and fulfilment" "读取协议、名额、批次、安置、到岗信息、对账和履约";
    AgreementsWrite "agreements.write" "Draft, propose, ratify, amend, suspend and terminate agreements" "起草、提交、批准、变更、中止和终止协议";
    QuotasWrite "quotas.write" "Publish, approve and withdraw quotas" "发布、批准和撤回岗位名额";
    WorkersRead "workers.read" "Read the own register of workers, masked" "读取本方人员名册（脱敏）";
    WorkersWrite "workers.write" "Register and change workers" "登记和修改人员";
    WorkersIdentity "workers.identity" "Read the unmasked identity of a worker for a stated purpose" "因注明的目的读取人员完整身份信息";
    DispatchesWrite "dispatches.write" "Prepare, lock, depart and cancel dispatches" "编制、锁定、发出和取消批次";
    ArrivalsWrite "arrivals.write" "Claim arrivals, raise and withdraw disputes" "提交到岗信息、提出和撤回异议";
    RetentionWrite "retention.write" "Record observations and exits" "提交在岗记录和离岗信息";
    ReconciliationWrite "reconciliation.write" "Run reconciliations" "发起对账";
    StatementsWrite "statements.write" "Compute, open, object to and sign monthly statements" "计算、公示、异议和签署月度对账单";
    ImportsWrite "imports.write" "Send files, see what became of their rows and apply them; what the rows become needs its own scope" "提交文件、查看各行结果并执行导入（所生成的数据另需相应权限）";
    JobsRead "jobs.read" "Read the own jobs and what became of each row" "读取本方任务及逐行结果";
    JobsWrite "jobs.write" "Cancel own jobs" "取消本方任务";
    SandboxWrite "sandbox.write" "Move the clock of a sandbox" "拨动沙箱时钟";
    EventsRead "events.read" "Read the event feed" "读取事件流";
    WebhooksRead "webhooks.read" "Read webhook endpoints and what was delivered to them" "读取推送地址及投递记录";
    WebhooksWrite "webhooks.write" "Register, change, test and disable webhook endpoints, deliver again" "登记、修改、测试和停用推送地址，重新投递";
}

/// The scopes a client of a party kind is given unless told otherwise.
#[must_use]
pub fn default_scopes(party_kind: &str) -> Vec<&'static str> {
    let all = SCOPES.iter().map(|(scope, _, _)| *scope);
    match party_kind {
        "operator" => vec!["parties.read", "parties.write", "events.read", "webhooks.read", "webhooks.write"],
        "station" => vec![
            "parties.read",
            "agreements.read",
            "agreements.write",
            "arrivals.write",
            "retention.write",
            "imports.write",
            "jobs.read",
            "jobs.write",
            "events.read",
            "webhooks.read",
            "webhooks.write",
        ],
        "employer" => {
            vec![
                "parties.read",
                "agreements.read",
                "arrivals.write",
                "retention.write",
                "imports.write",
                "jobs.read",
                "jobs.write",
                "events.read",
                "webhooks.read",
                "webhooks.write",
            ]
        }
        _ => all.filter(|scope| !["parties.write", "sandbox.write"].contains(scope)).collect(),
    }
}
