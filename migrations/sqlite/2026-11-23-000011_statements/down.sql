drop table statement_objection;
drop table statement_signature;
drop table statement_row;
drop table statement_edition;
drop table monthly_statement;
