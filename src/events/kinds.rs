//! Every kind of event, with what it is called. An event of no kind of this list is not recorded.

use crate::error::Text;

crate::text_enum! {
    /// What an event tells: `resource.past_tense`. More may come.
    pub enum EventKind {
        /// The draft was changed.
        AgreementChanged => "agreement.changed" / "协议草案已修改",
        /// An agreement was drafted.
        AgreementDrafted => "agreement.drafted" / "协议已起草",
        /// It was put before the parties.
        AgreementProposed => "agreement.proposed" / "协议已提交",
        /// Every party ratified it.
        AgreementRatified => "agreement.ratified" / "协议已批准",
        /// It goes on after a suspension.
        AgreementResumed => "agreement.resumed" / "协议已恢复",
        /// It was suspended.
        AgreementSuspended => "agreement.suspended" / "协议已中止",
        /// It was terminated.
        AgreementTerminated => "agreement.terminated" / "协议已终止",
        /// The proposal was taken back.
        AgreementWithdrawn => "agreement.withdrawn" / "协议已撤回",
        /// Other terms were put before the parties.
        AmendmentProposed => "amendment.proposed" / "协议变更已提交",
        /// Every party ratified other terms.
        AmendmentRatified => "amendment.ratified" / "协议变更已批准",
        /// Other terms were taken back.
        AmendmentWithdrawn => "amendment.withdrawn" / "协议变更已撤回",
        /// One claim was recorded.
        ClaimRecorded => "claim.recorded" / "到岗信息已提交",
        /// Claims that had waited found their placements.
        ClaimsAttached => "claims.attached" / "到岗信息已关联安置",
        /// Claims were recorded in a call of many rows.
        ClaimsRecorded => "claims.recorded" / "到岗信息已批量提交",
        /// A client has another key.
        ClientKeyAdded => "client.key_added" / "客户端密钥已增加",
        /// A client was registered.
        ClientRegistered => "client.registered" / "客户端已登记",
        /// A client was revoked.
        ClientRevoked => "client.revoked" / "客户端已撤销",
        /// A run opened and closed discrepancies.
        DiscrepanciesFollowed => "discrepancies.followed" / "差异已随对账更新",
        /// A resolution waits for a second person.
        DiscrepanciesProposed => "discrepancies.proposed" / "差异处理已提议",
        /// Several discrepancies were resolved at once.
        DiscrepanciesResolved => "discrepancies.resolved" / "差异已批量处理",
        /// A question about a row was answered.
        DiscrepancyAnswered => "discrepancy.answered" / "差异已答复",
        /// A question about a row was asked.
        DiscrepancyAsked => "discrepancy.asked" / "差异已询问",
        /// A claim was matched by hand.
        DiscrepancyMatched => "discrepancy.matched" / "差异已人工匹配",
        /// A discrepancy was resolved.
        DiscrepancyResolved => "discrepancy.resolved" / "差异已处理",
        /// A resolution was undone.
        DiscrepancyUndone => "discrepancy.undone" / "差异处理已撤销",
        /// A batch does not leave.
        DispatchCancelled => "dispatch.cancelled" / "批次已取消",
        /// A batch is closed.
        DispatchClosed => "dispatch.closed" / "批次已关闭",
        /// A batch left.
        DispatchDeparted => "dispatch.departed" / "批次已出发",
        /// A batch lost the places it held.
        DispatchHoldLapsed => "dispatch.hold_lapsed" / "批次占用名额已失效",
        /// A roster was locked.
        DispatchLocked => "dispatch.locked" / "批次名单已锁定",
        /// A batch was prepared.
        DispatchPrepared => "dispatch.prepared" / "批次已编制",
        /// A batch leaves on other days.
        DispatchRescheduled => "dispatch.rescheduled" / "批次已改期",
        /// A roster has other rows.
        DispatchRosterChanged => "dispatch.roster_changed" / "批次名单已变更",
        /// A roster was opened again.
        DispatchUnlocked => "dispatch.unlocked" / "批次名单已解锁",
        /// A placement is contested.
        DisputeRaised => "dispute.raised" / "异议已提出",
        /// A placement is no longer contested.
        DisputeWithdrawn => "dispute.withdrawn" / "异议已撤回",
        /// An exit was taken back.
        ExitWithdrawn => "exit.withdrawn" / "离岗信息已撤回",
        /// Exits were recorded.
        ExitsRecorded => "exits.recorded" / "离岗信息已提交",
        /// A file was applied.
        ImportApplied => "import.applied" / "文件已导入",
        /// A job is over.
        JobFinished => "job.finished" / "任务已结束",
        /// An objection to a statement was raised.
        ObjectionRaised => "objection.raised" / "对账单异议已提出",
        /// An objection was taken back.
        ObjectionWithdrawn => "objection.withdrawn" / "对账单异议已撤回",
        /// Observations were recorded.
        ObservationsRecorded => "observations.recorded" / "在岗记录已提交",
        /// A party takes part again.
        PartyActivated => "party.activated" / "单位已启用",
        /// A party's facts were changed.
        PartyChanged => "party.changed" / "单位信息已变更",
        /// A party was registered.
        PartyRegistered => "party.registered" / "单位已登记",
        /// A party was suspended.
        PartySuspended => "party.suspended" / "单位已停用",
        /// A row of a roster was returned for correction.
        PlacementReturned => "placement.returned" / "名单行已退回",
        /// A place moved with its worker.
        PlacesTransferred => "places.transferred" / "名额已随人转移",
        /// The number of places was decided.
        QuotaApproved => "quota.approved" / "名额已核定",
        /// A quota was published.
        QuotaPublished => "quota.published" / "名额已发布",
        /// A quota was requested.
        QuotaRequested => "quota.requested" / "名额已申报",
        /// A quota was withdrawn.
        QuotaWithdrawn => "quota.withdrawn" / "名额已撤回",
        /// One party ratified.
        RatificationRecorded => "ratification.recorded" / "一方已批准",
        /// A run is done.
        ReconciliationFinished => "reconciliation.finished" / "对账已完成",
        /// A replacement is no longer owed.
        ReplacementDutyCancelled => "replacement_duty.cancelled" / "补员责任已取消",
        /// A replacement is owed on other terms.
        ReplacementDutyCorrected => "replacement_duty.corrected" / "补员责任已更正",
        /// A replacement was named.
        ReplacementDutyFulfilled => "replacement_duty.fulfilled" / "补员责任已履行",
        /// A replacement is owed.
        ReplacementDutyOpened => "replacement_duty.opened" / "补员责任已产生",
        /// The destination waived a replacement.
        ReplacementDutyWaived => "replacement_duty.waived" / "补员责任已免除",
        /// Spells were recorded.
        SpellsRecorded => "spells.recorded" / "就业时段已提交",
        /// A statement was computed.
        StatementDrafted => "statement.drafted" / "对账单已生成",
        /// Both sides have signed.
        StatementFrozen => "statement.frozen" / "对账单已冻结",
        /// A statement may be objected to.
        StatementOpened => "statement.opened" / "对账单已公示",
        /// A statement was computed anew.
        StatementRecomputed => "statement.recomputed" / "对账单已重算",
        /// One side has signed.
        StatementSigned => "statement.signed" / "对账单一方已签署",
        /// A webhook endpoint was changed.
        WebhookEndpointChanged => "webhook_endpoint.changed" / "推送地址已修改",
        /// A webhook endpoint was disabled.
        WebhookEndpointDisabled => "webhook_endpoint.disabled" / "推送地址已停用",
        /// A webhook endpoint was enabled.
        WebhookEndpointEnabled => "webhook_endpoint.enabled" / "推送地址已启用",
        /// A webhook endpoint was registered.
        WebhookEndpointRegistered => "webhook_endpoint.registered" / "推送地址已登记",
        /// A webhook endpoint was removed.
        WebhookEndpointRemoved => "webhook_endpoint.removed" / "推送地址已删除",
        /// A webhook endpoint signs with another secret.
        WebhookEndpointSecretChanged => "webhook_endpoint.secret_changed" / "推送密钥已更换",
        /// A webhook endpoint was sent a test.
        WebhookEndpointTested => "webhook_endpoint.tested" / "推送地址已测试",
        /// A worker's facts were changed.
        WorkerChanged => "worker.changed" / "人员信息已变更",
        /// A worker's identity was erased.
        WorkerErased => "worker.erased" / "人员身份信息已删除",
        /// A worker's identity was read.
        WorkerIdentityRead => "worker.identity_read" / "人员身份信息已被读取",
        /// A worker was registered.
        WorkerRegistered => "worker.registered" / "人员已登记",
        /// Workers were registered in a call of many rows.
        WorkersRegistered => "workers.registered" / "人员已批量登记",
        /// A zone was registered.
        ZoneRegistered => "zone.registered" / "园区已登记",
    }
}

/// What is said of a kind that there is not: which there are of the same thing, or where they all stand.
#[must_use]
pub fn unknown(text: &str) -> Text {
    let about = text.split('.').next().unwrap_or_default().trim_end_matches('s');
    let near: Vec<&str> = EventKind::ALL
        .iter()
        .map(|kind| kind.as_str())
        .filter(|kind| !about.is_empty() && kind.starts_with(about))
        .collect();
    if near.is_empty() {
        return Text::new(
            "there is no such kind of event; GET /v1/code-lists/event-kind lists them",
            "没有该事件类型，全部类型见 GET /v1/code-lists/event-kind",
        );
    }
    let near = near.join(", ");
    Text::new(format!("there is no such kind of event; near it: {near}"), format!("没有该事件类型，相近的有：{near}"))
}
