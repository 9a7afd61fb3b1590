-- Takes the counts of a call of `tf1_charge` back, whose rows are still locked.
CREATE FUNCTION tf3_uncharge(p_keys BYTEA[], p_amounts BIGINT[]) RETURNS VOID LANGUAGE plpgsql AS $$
BEGIN
    FOR v_i IN 1 .. cardinality(p_keys) LOOP
        UPDATE buckets AS b SET count = greatest(b.count - p_amounts[v_i], 0) WHERE b.key = p_keys[v_i];
    END LOOP;
END $$;

-- Counts an answer with a code, compares it and, if it is right, closes the challenge: in one transaction. `p_codes`: what was typed, as
-- each of the codes that it could be. `p_call` identifies the call; `p_again`: an earlier try of it may have succeeded. Outcomes: 0 right,
-- 1 closed, 2 to 4 as in `tf1_open`, 5 wrong. `p_in_a_row` and `p_in_a_day` are the limits of persons who have passed the first factor;
-- others have fewer by `p_row_kept` and `p_day_kept`.
CREATE FUNCTION tf3_answer(
    p_again BOOLEAN, p_call BYTEA, p_id TEXT, p_subscription TEXT, p_now BIGINT, p_codes BYTEA[], p_release BYTEA[],
    p_is_unlimited BOOLEAN, p_in_a_row BIGINT, p_in_a_day BIGINT, p_row_kept BIGINT, p_day_kept BIGINT, p_day BIGINT,
    p_keys BYTEA[], p_amounts BIGINT[], p_limits BIGINT[], p_windows BIGINT[],
    OUT outcome BIGINT, OUT reached BIGINT, OUT limited_until BIGINT, OUT challenge_instance TEXT, OUT challenge_person BYTEA,
    OUT challenge_first_factor BOOLEAN, OUT challenge_sealed BYTEA, OUT challenge_codes BYTEA, OUT challenge_attempts BIGINT,
    OUT challenge_max_attempts BIGINT, OUT challenge_resends BIGINT, OUT challenge_max_resends BIGINT,
    OUT challenge_resend_after BIGINT, OUT challenge_created_at BIGINT, OUT challenge_expires_at BIGINT
) LANGUAGE plpgsql SET lock_timeout = '5s' AS $$
DECLARE
    v_is_counted BOOLEAN := false;
    v_closed BIGINT;
    v_wrong BIGINT;
    v_row BIGINT;
    v_in_a_day BIGINT;
    v_result RECORD;
BEGIN
    LOOP
        IF p_again THEN
            -- A change, so that this waits for a standby as the first try did.
            UPDATE challenges AS c SET closed_by = p_call
            WHERE c.id = p_id AND c.subscription = p_subscription AND c.closed = 0 AND c.closed_by = p_call AND c.epoch = tf1_epoch()
            RETURNING c.instance, c.person, c.first_factor, c.sealed, c.codes, c.attempts, c.max_attempts, c.resends, c.max_resends,
                c.resend_after, c.created_at, c.expires_at
            INTO challenge_instance, challenge_person, challenge_first_factor, challenge_sealed, challenge_codes, challenge_attempts,
                challenge_max_attempts, challenge_resends, challenge_max_resends, challenge_resend_after, challenge_created_at,
                challenge_expires_at;
            IF FOUND THEN
                IF v_is_counted THEN
                    PERFORM tf3_uncharge(p_keys, p_amounts);
                END IF;
                outcome := 0;
                RETURN;
            END IF;
        END IF;
        IF v_is_counted THEN
            outcome := 1;
            RETURN;
        END IF;
        p_now := tf1_now(p_now);
        -- Limits first: guesses at unknown challenges count too.
        v_result := tf1_charge(p_keys, p_amounts, p_limits, p_windows, p_now);
        reached := v_result.reached;
        limited_until := v_result.until;
        IF reached IS NOT NULL THEN
            outcome := 2;
            RETURN;
        END IF;
        UPDATE challenges AS c SET attempts = c.attempts + 1, (closed, closed_by, verified_at) = (
            SELECT 0, p_call, p_now FROM unnest(p_codes) AS t (code) WHERE position(t.code IN c.codes) > 0 LIMIT 1)
        WHERE c.id = p_id AND c.subscription = p_subscription AND c.closed IS NULL AND c.attempts < c.max_attempts
            AND c.expires_at > p_now AND c.created_at <= p_now + 5000 AND c.epoch = tf1_epoch()
        RETURNING c.closed, c.instance, c.person, c.first_factor, c.sealed, c.codes, c.attempts, c.max_attempts, c.resends, c.max_resends,
            c.resend_after, c.created_at, c.expires_at
        INTO v_closed, challenge_instance, challenge_person, challenge_first_factor, challenge_sealed, challenge_codes, challenge_attempts,
            challenge_max_attempts, challenge_resends, challenge_max_resends, challenge_resend_after, challenge_created_at,
            challenge_expires_at;
        EXIT WHEN FOUND;
        -- An earlier try may have ended only now, and this one waited for it.
        v_is_counted := true;
    END LOOP;
    outcome := CASE WHEN v_closed = 0 THEN 0 ELSE 5 END;
    -- Nobody knows the user.
    IF NOT p_is_unlimited AND challenge_person <> decode(repeat('00', 16), 'hex') THEN
        v_wrong := CASE WHEN v_closed = 0 THEN 0 ELSE 1 END;
        v_row := p_in_a_row - CASE WHEN challenge_first_factor THEN 0 ELSE p_row_kept END;
        v_in_a_day := p_in_a_day - CASE WHEN challenge_first_factor THEN 0 ELSE p_day_kept END;
        -- A right answer adds a row too: answers of a person at the same moment must wait for each other, or more of them would be
        -- compared than a limit allows.
        INSERT INTO persons AS p (person, consecutive, last, day_started, day_wrong) VALUES (challenge_person, v_wrong, p_now, p_now, v_wrong)
        ON CONFLICT (person) DO UPDATE SET
            consecutive = CASE WHEN v_wrong = 0 THEN 0 WHEN p.consecutive < p_in_a_row THEN p.consecutive + 1 ELSE 1 END,
            last = CASE WHEN v_wrong = 0 THEN p.last ELSE p_now END,
            day_wrong = v_wrong + CASE WHEN p.day_started + p_day > p_now AND p.day_started <= p_now + 5000 THEN p.day_wrong ELSE 0 END,
            day_started = CASE WHEN p.day_started + p_day > p_now AND p.day_started <= p_now + 5000 THEN p.day_started ELSE p_now END
        WHERE NOT (p.consecutive >= v_row AND p.last <= p_now + 5000 AND p.last + p_day > p_now)
            AND NOT (p.day_wrong >= v_in_a_day AND p.day_started <= p_now + 5000 AND p.day_started + p_day > p_now);
        IF NOT FOUND THEN
            -- Nobody has seen what became of the answer: the rows are locked.
            UPDATE challenges AS c SET attempts = c.attempts - 1, closed = NULL, closed_by = NULL, verified_at = NULL WHERE c.id = p_id;
            PERFORM tf3_uncharge(p_keys, p_amounts);
            v_result := tf1_person(challenge_person, v_row, v_in_a_day, p_day, p_now);
            outcome := v_result.outcome;
            limited_until := v_result.until;
            -- The limit has ended between two statements.
            IF outcome = 0 THEN
                outcome := 4;
            END IF;
            RETURN;
        END IF;
    END IF;
    IF outcome = 0 AND cardinality(p_release) > 0 THEN
        PERFORM tf1_release(p_release);
    END IF;
END $$;
