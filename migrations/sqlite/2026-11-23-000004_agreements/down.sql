drop table ratification;
drop table agreement_version;
drop table agreement_party;
drop table agreement;
