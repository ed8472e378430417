//! Workers (务工人员): the persons in an origin's register. Identity is sealed; answers carry the masked form.
//!
//! A person is found by keyed indexes of the identity number: one per origin for its own search, one for the whole exchange that
//! only the open-placement constraint and matching use. Group membership (脱贫人口, 监测对象) is effective-dated, because a person
//! moves between groups. Deliberately absent: poverty cause, health, household income: the destination does not need them.

pub mod identity_number;
pub mod person_name;
pub mod phone;
pub mod routes;

crate::text_enum! {
    /// The list a person is on at a date; `monitored` is any of the three kinds of 防止返贫致贫监测对象.
    pub enum GroupCode {
        /// 脱贫人口, not monitored.
        Lifted => "lifted",
        /// 脱贫不稳定户.
        UnstableLifted => "unstable_lifted",
        /// 边缘易致贫户.
        Marginal => "marginal",
        /// 突发严重困难户.
        SuddenHardship => "sudden_hardship",
        /// On no list: ordinary rural labour.
        Ordinary => "ordinary",
    }
}

crate::text_enum! {
    /// Whether the person's identity is kept.
    pub enum WorkerState {
        /// Kept, sealed.
        Active => "active",
        /// Erased on request; placements and totals stay, the person cannot be found any more.
        Erased => "erased",
    }
}

crate::text_enum! {
    /// Populations that targets count (see the agreement's terms).
    pub enum Population {
        /// Everybody.
        All => "all",
        /// 脱贫人口务工规模: formerly-poor people including the monitored (脱贫人口含监测对象).
        Lifted => "lifted",
        /// 防止返贫致贫监测对象 only.
        Monitored => "monitored",
    }
}

impl GroupCode {
    /// Whether a member counts in a population.
    #[must_use]
    pub const fn is_in(self, population: Population) -> bool {
        match population {
            Population::All => true,
            Population::Lifted => !matches!(self, Self::Ordinary),
            Population::Monitored => matches!(self, Self::UnstableLifted | Self::Marginal | Self::SuddenHardship),
        }
    }
}
