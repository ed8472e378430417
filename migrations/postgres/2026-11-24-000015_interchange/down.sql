drop table import_row;
drop table file_import;
