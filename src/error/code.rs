//! The catalogue of problems: one table, from which the API document, the problem pages and the tests are made.

/// What sort of problem it is; the HTTP edge gives each sort its status.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Cannot be parsed, or a parameter is wrong.
    BadRequest,
    /// No valid token.
    Unauthenticated,
    /// A valid token without the right.
    Forbidden,
    /// Absent, or not the caller's to see.
    NotFound,
    /// The path knows other methods.
    MethodNotAllowed,
    /// The state of things forbids it.
    Conflict,
    /// It was here and is not any more.
    Gone,
    /// A condition of the request does not hold.
    PreconditionFailed,
    /// The request took too long to arrive.
    TimedOut,
    /// Too large.
    TooLarge,
    /// Not a media type that is taken.
    UnsupportedMediaType,
    /// Asked too often.
    TooMany,
    /// Well-formed, but not valid.
    Invalid,
    /// A condition must be sent.
    PreconditionRequired,
    /// A bug or a broken machine.
    Internal,
    /// Come back later.
    Unavailable,
}

/// One row of the catalogue.
#[derive(Debug, Clone, Copy)]
pub struct Definition {
    /// The problem.
    pub code: Code,
    /// Its stable name.
    pub name: &'static str,
    /// What sort it is.
    pub kind: Kind,
    /// Whether the same request may succeed later.
    pub retryable: bool,
    /// One line in English.
    pub title_en: &'static str,
    /// One line in Chinese.
    pub title_zh: &'static str,
    /// What to do, in English.
    pub remedy_en: &'static str,
    /// What to do, in Chinese.
    pub remedy_zh: &'static str,
}

macro_rules! catalogue {
    ($($variant:ident $name:literal $kind:ident $retryable:literal, $title_en:literal, $title_zh:literal, $remedy_en:literal, $remedy_zh:literal;)+) => {
        /// A problem by its stable code; clients branch on it, never on text.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Code { $(#[doc = $title_en] $variant),+ }

        impl Code {
            /// Every problem, in the order of the catalogue.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// Its row of the catalogue.
            #[must_use]
            pub const fn definition(self) -> Definition {
                match self {
                    $(Self::$variant => Definition {
                        code: self, name: $name, kind: Kind::$kind, retryable: $retryable,
                        title_en: $title_en, title_zh: $title_zh, remedy_en: $remedy_en, remedy_zh: $remedy_zh,
                    }),+
                }
            }
        }
    };
}

catalogue! {
    JsonInvalid "json_invalid" BadRequest false, "The body is not JSON", "请求体不是合法的 JSON", "Send UTF-8 JSON with one object at the top.", "请发送 UTF-8 编码、顶层为对象的 JSON。";
    ParameterInvalid "parameter_invalid" BadRequest false, "A parameter is wrong", "参数有误", "Mend the parameters named in errors.", "请按 errors 中的提示修改参数。";
    UnknownParameter "unknown_parameter" BadRequest false, "A query parameter is not known here", "存在未知的查询参数", "Check the spelling of the parameters named in errors.", "请检查 errors 中所列参数的拼写。";
    CursorInvalid "cursor_invalid" BadRequest false, "The cursor does not fit this list", "游标与此列表不符", "Start again without cursor; a cursor is bound to its list, filters and sort.", "请去掉 cursor 重新开始；游标只对原列表、筛选和排序有效。";
    IdempotencyKeyRequired "idempotency_key_required" BadRequest false, "An Idempotency-Key is needed", "缺少 Idempotency-Key 请求头", "Send a fresh UUID in the Idempotency-Key header and the same one when you repeat the request.", "请在 Idempotency-Key 请求头中发送一个新的 UUID，重发同一请求时沿用原值。";
    IdempotencyKeyInvalid "idempotency_key_invalid" BadRequest false, "The Idempotency-Key is malformed", "Idempotency-Key 格式有误", "Send 8 to 64 printable ASCII characters, bare or in double quotes.", "请发送 8 至 64 个可打印 ASCII 字符，可加双引号。";
    TokenInvalid "token_invalid" Unauthenticated false, "The access token is missing or not valid", "访问令牌缺失或无效", "Get a fresh token at /oauth/token and send it as Authorization: Bearer.", "请在 /oauth/token 获取新令牌，并以 Authorization: Bearer 方式发送。";
    InsufficientScope "insufficient_scope" Forbidden false, "The token lacks the scope for this", "令牌缺少所需的权限范围", "Ask for a token with the scope named in required_scope; the operator grants scopes to clients.", "请申请包含 required_scope 所列范围的令牌；权限范围由运营方授予。";
    RoleNotAllowed "role_not_allowed" Forbidden false, "Your party does not have the role for this", "贵方在此协议中的角色无权执行该操作", "Ask the party with the role named in required_role to do it.", "请由 required_role 所列角色的一方办理。";
    PartySuspended "party_suspended" Forbidden false, "Your party is suspended", "贵方已被暂停", "Ask the operator why, and to activate the party again.", "请联系运营方了解原因并恢复。";
    NotFound "not_found" NotFound false, "Nothing here", "没有找到", "Check the address and the id; what belongs to others looks absent.", "请检查地址和编号；属于他方的数据同样显示为不存在。";
    MethodNotAllowed "method_not_allowed" MethodNotAllowed false, "This address does not know that method", "该地址不支持此方法", "Use one of the methods in the Allow header.", "请使用 Allow 响应头所列的方法。";
    IdempotencyKeyInUse "idempotency_key_in_use" Conflict true, "The same request is still running", "相同的请求仍在处理中", "Wait a second and repeat it with the same Idempotency-Key.", "请稍候一秒，用相同的 Idempotency-Key 重发。";
    TransitionNotAllowed "transition_not_allowed" Conflict false, "The state does not allow this", "当前状态不允许此操作", "See allowed_actions for the moves that are legal now.", "可执行的操作见 allowed_actions。";
    AgreementNotInForce "agreement_not_in_force" Conflict false, "The agreement is not in force", "协议尚未生效或已失效", "It must be ratified by every party and the day must lie within its term.", "协议须经各方批准，且当日在有效期内。";
    AgreementNumberTaken "agreement_number_taken" Conflict false, "An agreement with this number exists", "协议编号已存在", "Choose another number.", "请更换编号。";
    DigestMismatch "digest_mismatch" Conflict false, "You are ratifying other bytes than those proposed", "批准的摘要与提交的文本不一致", "Read the document again, check it, and send its digest.", "请重新读取协议文本，核对后发送其摘要。";
    AlreadyRatified "already_ratified" Conflict false, "Your party has ratified this version", "贵方已批准该版本", "Nothing to do.", "无需再次操作。";
    AmendmentOpen "amendment_open" Conflict false, "Another amendment is before the parties", "已有待批准的变更", "Ratify or withdraw the version named in version first.", "请先批准或撤回 version 所指的版本。";
    EffectiveDayPassed "effective_day_passed" Conflict false, "The day of this amendment has passed", "该变更的生效日已过", "Withdraw it and propose it again with a day to come.", "请撤回后以新的生效日重新提交。";
    SignatureInvalid "signature_invalid" Invalid false, "The detached signature does not fit", "分离式签名无效", "Sign the exact bytes of the document with a key registered for your client.", "请用已登记的密钥对文本原始字节签名。";
    StatementExists "statement_exists" Conflict false, "This month has a statement", "该月对账单已存在", "Use the statement named in statement_id; have it computed anew if facts have changed.", "请使用 statement_id 所指的对账单；事实有变时请重新计算。";
    StatementDigestDiffers "statement_digest_differs" Conflict false, "You are signing another edition than the latest", "签署的版次或摘要与最新版不一致", "Read the edition named in edition, see what differs at difference, and sign its digest.", "请读取 edition 所指版次，在 difference 查看差异后签署其摘要。";
    AlreadySigned "already_signed" Conflict false, "Your party has signed this edition", "贵方已签署该版次", "Nothing to do; the statement waits for the parties in awaited.", "无需再次操作；对账单等待 awaited 中的各方签署。";
    ObjectionStanding "objection_standing" Conflict false, "An objection stands", "尚有未撤回的异议", "Settle the objections first: the party that raised one withdraws it, or the statement is computed anew.", "请先处理异议：由提出方撤回，或更正事实后重新计算。";
    ObjectionWindowOver "objection_window_over" Conflict false, "The time to object is over", "异议期已过", "Dispute the placement itself; a later correction stands in the next statement.", "请对安置记录本身提出异议；此后的更正列入下一期对账单。";
    PartnerRefTaken "partner_ref_taken" Conflict false, "Your reference is already used", "贵方编号已被使用", "Use the thing that has this partner_ref, or choose another reference.", "请使用已有该 partner_ref 的记录，或更换编号。";
    WorkerAlreadyRegistered "worker_already_registered" Conflict false, "This person is already in your register", "该人员已在贵方名册中", "Use the worker named in worker_id.", "请使用 worker_id 所指的人员记录。";
    WorkerErased "worker_erased" Conflict false, "This worker has been erased", "该人员信息已删除", "Register the person again if there is a lawful reason.", "如有合法理由，请重新登记。";
    WorkerAlreadyPlaced "worker_already_placed" Conflict false, "This person has an open placement", "该人员已有未结束的安置", "Quote lookup_id to the operator if you think this is wrong.", "如有异议，请向运营方提供 lookup_id。";
    PlacesExhausted "places_exhausted" Conflict false, "No place is left", "名额已满", "See free_places; choose another quota or ask the destination to approve more.", "剩余名额见 free_places；请改用其他名额或请输入地增批。";
    QuotaNotOpen "quota_not_open" Conflict false, "The quota takes nobody now", "该岗位名额当前不接收人员", "It must be published and not past valid_until.", "名额须已发布且未过有效期。";
    PlacesBelowUse "places_below_use" Conflict false, "Fewer places than are already taken", "名额不能少于已占用数", "Approve at least the places in places_in_use.", "批准名额须不少于 places_in_use。";
    HoldLapsed "hold_lapsed" Conflict false, "The hold on the places has run out", "占用的名额已过期", "Send the roster again; the places may still be free.", "请重新提交名单；名额可能仍有空余。";
    RosterEmpty "roster_empty" Conflict false, "The roster is empty", "名单为空", "Enrol at least one worker first.", "请先至少登记一名人员。";
    ClaimNotPossible "claim_not_possible" Conflict false, "Nothing can be claimed about this placement", "无法对该安置提交到岗信息", "The dispatch must have departed and the placement must not be cancelled.", "该批次须已出发，且安置未取消。";
    DisputeStanding "dispute_standing" Conflict false, "Your party already disputes this placement", "贵方已对该安置提出异议", "Withdraw the dispute named in dispute_id first if the reason has changed.", "如理由有变，请先撤回 dispute_id 所指的异议。";
    CreditCodeTaken "credit_code_taken" Conflict false, "A party with this credit code exists", "该统一社会信用代码已登记", "Use the party that has it.", "请使用已登记的单位。";
    KeyIdTaken "key_id_taken" Conflict false, "The client has a key with this id", "该客户端已有相同编号的密钥", "Make a new key pair, or give the new key another kid.", "请生成新的密钥对，或为新密钥更换 kid。";
    ZoneTaken "zone_taken" Conflict false, "A zone with this name and host exists", "该园区已登记", "Use the zone that exists.", "请使用已登记的园区。";
    RunInProgress "run_in_progress" Conflict true, "A reconciliation of this agreement is running", "该协议的对账正在进行", "Wait until it is done.", "请等待其完成。";
    OwnFact "own_fact" Forbidden false, "Your party reported the fact in question", "该事实由贵方报送", "Let the other side decide; your party answers, corrects the fact, or disputes the placement.", "请由另一方处理；贵方可答复、更正原信息或对安置提出异议。";
    SecondPersonNeeded "second_person_needed" Forbidden false, "A second person has to confirm this", "须由第二人复核", "Confirm with another client of your party than the one in client_id.", "请由贵方另一客户端（非 client_id 所指）复核。";
    MatchNotPossible "match_not_possible" Conflict false, "The claim cannot be matched to this placement", "无法匹配到该安置", "Choose a departed placement of which the claimant has not spoken yet.", "请选择已出发且申报方尚未提交过信息的安置。";
    WebhookEndpointsExhausted "webhook_endpoints_exhausted" Conflict false, "The client has as many webhook endpoints as it may", "该客户端的推送地址已达上限", "Remove one of them, or change it; limit says how many there may be.", "请删除或修改已有的推送地址；上限见 limit。";
    RedeliveryTooSoon "redelivery_too_soon" Conflict false, "Deliveries were asked for again a moment ago", "刚刚已发起过重新投递", "Ask again after the instant in ready_at.", "请在 ready_at 之后再试。";
    EventsExpired "events_expired" Gone false, "The feed has not come to this position", "事件流没有该位置", "The feed was started anew since this position was given: read it again from oldest_after and compare with what you have.", "该位置之后事件流已重建：请从 oldest_after 重新读取并与本地数据核对。";
    OperationRetired "operation_retired" Gone false, "This operation is no longer there", "该接口已停用", "Use the successor that Link names; sunset_on says since when.", "请改用 Link 所指的替代接口；停用日期见 sunset_on。";
    MatchNeedsForce "match_needs_force" Conflict false, "Something speaks against this match", "匹配存在不符之处", "Look at what errors name; if it is the same person all the same, send force with a reason.", "请核对 errors 所列不符之处；确为同一人的，请以 force 并说明理由提交。";
    PreconditionFailed "precondition_failed" PreconditionFailed false, "It has changed since you read it", "数据在读取后已被修改", "Read it again, check your change, and send the ETag you got.", "请重新读取并核对，再以新的 ETag 提交。";
    PreconditionRequired "precondition_required" PreconditionRequired false, "An If-Match header is needed", "缺少 If-Match 请求头", "Send the ETag you got when you read it.", "请发送读取时得到的 ETag。";
    RequestTimeout "request_timeout" TimedOut true, "The request took too long to arrive", "请求接收超时", "Send the whole body within limit_s; over a slow line, split the work into several calls.", "请在 limit_s 秒内发送完整请求体；网络较慢时请分多次发送。";
    BodyTooLarge "body_too_large" TooLarge false, "The body is too large", "请求体过大", "Send at most limit_bytes; split the work into several calls.", "请勿超过 limit_bytes；请分多次发送。";
    FileTooLarge "file_too_large" TooLarge false, "The file is more than is taken at once", "文件超出限制", "Split the file as errors say and send the parts one after the other.", "请按 errors 中的提示拆分文件后分次提交。";
    FileUnreadable "file_unreadable" Invalid false, "The file cannot be read", "文件无法读取", "Mend the file as errors say and send it again under a fresh Idempotency-Key.", "请按 errors 中的提示处理文件，并使用新的 Idempotency-Key 重新提交。";
    LayoutUnknown "layout_unknown" Invalid false, "The columns fit no layout", "未能识别表格版式", "Add the columns named in missing, or name the layout; GET /v1/import-layouts lists the headings that are known.", "请补充 missing 所列各列，或用 layout 指明版式；可识别的表头见 GET /v1/import-layouts。";
    UnsupportedMediaType "unsupported_media_type" UnsupportedMediaType false, "This media type is not taken here", "不支持的媒体类型", "Send the body as one of media_types and name it in Content-Type.", "请使用 media_types 所列媒体类型之一，并在 Content-Type 中注明。";
    RowsUnreadable "rows_unreadable" BadRequest false, "The rows cannot be read", "无法读取数据行", "Send CSV or NDJSON as UTF-8, or as GB18030 with charset=gb18030 in Content-Type.", "请以 UTF-8 发送 CSV 或 NDJSON；GB18030 文件请在 Content-Type 中注明 charset=gb18030。";
    TooManyRows "too_many_rows" Invalid false, "Too many rows", "行数过多", "Send at most max rows in one call; split the file.", "每次最多提交 max 行，请拆分文件。";
    FieldInvalid "field_invalid" Invalid false, "Some fields are not valid", "部分字段无效", "Mend the fields named in errors.", "请按 errors 中的提示修改字段。";
    FieldMissing "field_missing" Invalid false, "A field is missing", "缺少字段", "Add the field named in errors.", "请补充 errors 中所列字段。";
    UnknownField "unknown_field" Invalid false, "A field is not known here", "存在未知字段", "Check the spelling of the field named in errors.", "请检查 errors 中所列字段的拼写。";
    IdempotencyKeyReused "idempotency_key_reused" Invalid false, "This Idempotency-Key belongs to another request", "该 Idempotency-Key 已用于其他请求", "Use a fresh key for a new request.", "新的请求请使用新的 Idempotency-Key。";
    ReferenceUnknown "reference_unknown" Invalid false, "Something the request refers to does not exist", "所引用的对象不存在", "Check the ids named in errors.", "请检查 errors 中所列编号。";
    ConfigurationInvalid "configuration_invalid" Invalid false, "A setting is not valid", "配置有误", "Mend the setting.", "请修改配置。";
    RateLimited "rate_limited" TooMany true, "Too many calls", "调用过于频繁", "Wait as long as Retry-After says, then go on more slowly; follow the event feed or webhooks instead of asking again and again.", "请等待 Retry-After 所示秒数后再试并放慢频率；建议订阅事件流或推送，避免反复查询。";
    InternalError "internal_error" Internal true, "Something broke on our side", "服务内部错误", "Repeat the request with the same Idempotency-Key; if it persists, quote instance to the operator.", "请用相同的 Idempotency-Key 重试；若仍失败，请向运营方提供 instance。";
    DatabaseUnavailable "database_unavailable" Unavailable true, "The database cannot be reached", "数据库暂不可用", "Nothing was changed. Repeat the request after retry_after_s.", "数据未变更，请在 retry_after_s 秒后重试。";
    DatabaseBusy "database_busy" Unavailable true, "The database is busy", "数据库繁忙", "Nothing was changed. Repeat the request after retry_after_s.", "数据未变更，请在 retry_after_s 秒后重试。";
    Draining "draining" Unavailable true, "The server is stopping", "服务正在停止", "Repeat the request after retry_after_s.", "请在 retry_after_s 秒后重试。";
}

impl Code {
    /// Its stable name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        self.definition().name
    }

    /// The problem of a name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|code| code.as_str() == name)
    }

    /// The problem a refusing constraint stands for. Constraints that no request can break are bugs and give nothing.
    #[must_use]
    pub fn of_constraint(name: &str) -> Option<Self> {
        Some(match name {
            "agreement_number_unique" => Self::AgreementNumberTaken,
            "agreement_partner_ref_unique"
            | "quota_partner_ref_unique"
            | "dispatch_partner_ref_unique"
            | "worker_partner_ref_unique"
            | "webhook_endpoint_partner_ref_unique" => Self::PartnerRefTaken,
            "worker_identity_unique" => Self::WorkerAlreadyRegistered,
            "open_placement_pkey" => Self::WorkerAlreadyPlaced,
            "place_account_never_oversold" => Self::PlacesExhausted,
            "party_credit_code_unique" => Self::CreditCodeTaken,
            "zone_name_unique" => Self::ZoneTaken,
            "ratification_pkey" => Self::AlreadyRatified,
            "reconciliation_run_one_running" => Self::RunInProgress,
            "monthly_statement_month_unique" => Self::StatementExists,
            "statement_signature_pkey" => Self::AlreadySigned,
            _ => return None,
        })
    }
}
