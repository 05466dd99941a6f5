-- Run once, as root, when the data directory is made: MYSQL_DATABASE makes one database, Temporal needs two.
CREATE DATABASE IF NOT EXISTS temporal_visibility;
GRANT ALL PRIVILEGES ON temporal_visibility.* TO 'temporal'@'%';
