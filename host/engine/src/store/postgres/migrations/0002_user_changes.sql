-- How often the factors and verified addresses of a user have changed. `person` is a keyed hash of subscription and user.
CREATE TABLE user_changes (person BYTEA PRIMARY KEY, count BIGINT NOT NULL);

-- Whether an address was verified on no better proof than the first factor. Of earlier ones nobody knows.
ALTER TABLE addresses ADD COLUMN first_factor_only BOOLEAN NOT NULL DEFAULT true;
