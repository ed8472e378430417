drop table job_part;
drop table job;
