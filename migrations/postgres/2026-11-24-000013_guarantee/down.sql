drop table transferred_place;
drop table replacement_duty;
