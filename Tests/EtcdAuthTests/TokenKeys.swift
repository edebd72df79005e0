//  Keys made for these tests by openssl; they open nothing.

enum TokenKeys {
    static let rsa = """
        -----BEGIN PRIVATE KEY-----
        MIIEvgIBADANBgkqhkiG9w0BAQEFAASCBKgwggSkAgEAAoIBAQDGOjLsC446sFYu
        9P2SEHBiiq1jJHZD5r108BuBaXd08YdsR0WWclPvuvMfMvEONvLJ9BpNQpcRKPxI
        n30dX/wXf+hs8rEC1ptV1oK8F2PWhQbw3IBiWbHDA4c1VGtSGIJ06i2smkdurMuj
        YcqdOtGJ9MUSCN1MKLaQALLhiO4uhxD2pOoeXwOfs6bUKwPpWUEBcN8f1/QiJ7R/
        BUl/pvd7xJgsFRhN39Q2hZWXF8bQAKFakRWtAEApUGPZ4ywO7g1goTruhwKBk+MT
        aUKwLnXxyMqStUq8zzkoFMFlC8HnfJzxwjCy6zzAlPmGZ8xxHQqERv0F1LdPG5y0
        vOfroDURAgMBAAECggEABI2ZqypTc1hRjR/mIyYVhBiYsEpKHSJ+VOKe/x35DHVF
        HbZADEXxVPRVA/EbmwP6wlYaXzlEVwnl9upoPqB8czMQ7Ppgw9FCHXqhOMjLa5tV
        SXsHHTs022cyrTA/NtIxTOuEGQ7Xd9yoNhyCQZJJoILqyTtC5K5FYzwLinqmsz2E
        nySImpBXMW1qW5JAm/7TkYl8lvo9w/L1YUn11VF2GUpigAyjWAFCpfIfWadDmguN
        4StyxlmS3KouyuIMgVc9GqVHlTylXaVYqjM2Jk9o1YwfRy41+l16ZsCF8YDCK/PK
        20BoRFCijUPbc91MnHiHfRjDbxoUQILZP9sggmf/QQKBgQDpy7uRlZxANQ9rPQVm
        lKayQhDleyyDkj2ZD+ebLFwc1Co1G+HF6Ake38qNPB5y4yAWST1guWhideZmOazt
        udEsE+BdqmsxZ1zWOoPke1m18J84Fw06/O926T63IZWdM8353ttBz1D9S2CwGBdV
        difh9psK3r3SggDYuGmrM3XUrQKBgQDZDbDtqXqVxBqh6c6DGWKW2UWJjNVDEQna
        UJ3xkNyGvjIeK8igSkyezIJaBfOsIoiTyazUKfQsdKdOKtbi1FzcccL6xN0Eo2QB
        0Ezu1yUqL+/WZlDK8k4OKtaaIat8GzMI0fNCb86Xyy+hOvDsIqvs3ln/x9L6lQYP
        CIFukfxKdQKBgQDRion4N7EtUuEY6j4W7JBjIBdotfb1jXKr5rdcOmvsYrPZmb3G
        1Oqnw0gVQZbAvZQapVXfhQ1rgeQYJwU4o9w3tzDWglFEnDF2yEdB1tRW3uy1JuPy
        xJQTbYWKOQ2RMccgdn7pAtjBzHdCHLV9IUMpoQ7gtTZIn8AGfXInwR2QmQKBgQCz
        lfBds2wJnkeqz5heQBKiXQJ73FpXMzHDwA/uXr0XfyZYcEF+3fqnKO5xLZt/QNNf
        8+1bXZr5bUtAEZHZ+3sZqcZ5VYjI3adRGNeOhdPqI998tQsD35dVgXwt6s3H0XlY
        Qt3Sik+UqDiwXeQYfFdjlFVCnEKjsclhhtgQdBkaQQKBgGnf2FUHSHrseH2VOA4R
        7jlpZTiGuG81DgvwxR4SUdQKQZtabI4G8Bi3E8As1WNMjzACheK2BYPHVkMmNb1s
        t0gnGe+iSOLoJPbNKnWkwYFDos+AQR2pT/+gG3yGp7q9Bt770TzWdB6ABFLfqAMu
        TXBnsa4Z/RXvleIrevAZje7f
        -----END PRIVATE KEY-----
        """
    static let rsaPublic = """
        -----BEGIN PUBLIC KEY-----
        MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAxjoy7AuOOrBWLvT9khBw
        YoqtYyR2Q+a9dPAbgWl3dPGHbEdFlnJT77rzHzLxDjbyyfQaTUKXESj8SJ99HV/8
        F3/obPKxAtabVdaCvBdj1oUG8NyAYlmxwwOHNVRrUhiCdOotrJpHbqzLo2HKnTrR
        ifTFEgjdTCi2kACy4YjuLocQ9qTqHl8Dn7Om1CsD6VlBAXDfH9f0Iie0fwVJf6b3
        e8SYLBUYTd/UNoWVlxfG0AChWpEVrQBAKVBj2eMsDu4NYKE67ocCgZPjE2lCsC51
        8cjKkrVKvM85KBTBZQvB53yc8cIwsus8wJT5hmfMcR0KhEb9BdS3TxuctLzn66A1
        EQIDAQAB
        -----END PUBLIC KEY-----
        """
    static let otherRSAPublic = """
        -----BEGIN PUBLIC KEY-----
        MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAqhmuPez5gbUOXTvTuNEC
        KeeGmqpZ8WoXl9m5v8SsiS9twi4ZfbmG24suXTuBBdTW9Kjou4jhsjhWYVxMSDOU
        UX03VK7iZbUL0hcXnNIFQA6/IRQZLYuLfWFgDDIJW3KBsyoHh1KUUHQdPYB86VUE
        86Jywp80vwwvF8ho9VEXvGYpsy5jM5QTLdZ800ikkf/guYb/woepEyMsNZ4vB3Na
        fUMFH/5ecRnOvboolD/evgCikC2TJUqeXL0MsrM8y8ownqj9EzKM77/pfAl9oSGo
        LFJtDkGivJI2JzYdcQOOlnH9XJvPLZBnQIW5YcZnNc4iECdz1fuSnyBmVBJiCa85
        cwIDAQAB
        -----END PUBLIC KEY-----
        """
    static let es256 = """
        -----BEGIN EC PRIVATE KEY-----
        MHcCAQEEIPzfbokVLubtBnnUW+7eAmXGXj7B9XUCIF6/FzYg/sUjoAoGCCqGSM49
        AwEHoUQDQgAE4sQKVYwfPGIE6weIHiU/cof81Hb8EpvdN1Im4YIi3QEC2he25BYc
        /8QObYhDzkpwlMuJO4oa2LozaEbSSTPicQ==
        -----END EC PRIVATE KEY-----
        """
    static let es256Public = """
        -----BEGIN PUBLIC KEY-----
        MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE4sQKVYwfPGIE6weIHiU/cof81Hb8
        EpvdN1Im4YIi3QEC2he25BYc/8QObYhDzkpwlMuJO4oa2LozaEbSSTPicQ==
        -----END PUBLIC KEY-----
        """
    static let es384 = """
        -----BEGIN EC PRIVATE KEY-----
        MIGkAgEBBDBXfTNBi9cKPL4C+3Yvfg7nYwuGkQDpsY42gl1Dck4kCjfCyZnfGDQn
        wisxO6KX7VygBwYFK4EEACKhZANiAARgn8JCXjSnrCRt4nqPHQUZCmqfyKKxxmRw
        xPgDb1WW51BOgQrjwa6ENLuAtt6Y0sOvaXwdYNabT1qTPFGEOmqIvbVUqbqdbJBr
        TLcWUKgufXwNbksS6urLtAw2oAz7jLo=
        -----END EC PRIVATE KEY-----
        """
    static let es384Public = """
        -----BEGIN PUBLIC KEY-----
        MHYwEAYHKoZIzj0CAQYFK4EEACIDYgAEYJ/CQl40p6wkbeJ6jx0FGQpqn8iiscZk
        cMT4A29VludQToEK48GuhDS7gLbemNLDr2l8HWDWm09akzxRhDpqiL21VKm6nWyQ
        a0y3FlCoLn18DW5LEurqy7QMNqAM+4y6
        -----END PUBLIC KEY-----
        """
    static let es512 = """
        -----BEGIN EC PRIVATE KEY-----
        MIHcAgEBBEIBK0wZHn9Qf89ipU5MhDlBhcJtEeP2eGGwEgGtD6+sQvun2q2a7vyO
        5PedDdCiQxTKRYp5KIaZYV7x57vtraK2Y2WgBwYFK4EEACOhgYkDgYYABADs0rLd
        8xmp7Ch+FwqZ1mRncV7sAX+E4+LqJ/mFp0TXhjdlt/gSfhcex5Nied/LuFEDvXaF
        xoZF2gwOofiWQdUrXQE2OQGW68CXoi0VES1sDC616EMylzNexH9l/Hp2/PZx3NtF
        I1/YluQR4iX0peUtM+YC2rCDZmrJl6AwWZzx4wY/LQ==
        -----END EC PRIVATE KEY-----
        """
    static let es512Public = """
        -----BEGIN PUBLIC KEY-----
        MIGbMBAGByqGSM49AgEGBSuBBAAjA4GGAAQA7NKy3fMZqewofhcKmdZkZ3Fe7AF/
        hOPi6if5hadE14Y3Zbf4En4XHseTYnnfy7hRA712hcaGRdoMDqH4lkHVK10BNjkB
        luvAl6ItFREtbAwutehDMpczXsR/Zfx6dvz2cdzbRSNf2JbkEeIl9KXlLTPmAtqw
        g2ZqyZegMFmc8eMGPy0=
        -----END PUBLIC KEY-----
        """
    static let ed25519 = """
        -----BEGIN PRIVATE KEY-----
        MC4CAQAwBQYDK2VwBCIEIJBzEOhom1VMhVQUKX4wmatv/gi4JQCY8i2x1YJakXH2
        -----END PRIVATE KEY-----
        """
    static let ed25519Public = """
        -----BEGIN PUBLIC KEY-----
        MCowBQYDK2VwAyEABJZY2EsHTzm7KwY6CaWw1hr0eXGdNtt8b1ERMDR9x0s=
        -----END PUBLIC KEY-----
        """
    static let rsaCertificate = """
        -----BEGIN CERTIFICATE-----
        MIIDBTCCAe2gAwIBAgIUOjUX+xqg2JUNI6c4wOx/7yh+3vgwDQYJKoZIhvcNAQEL
        BQAwETEPMA0GA1UEAwwGdG9rZW5zMCAXDTI2MTEyNjEwNDUwMloYDzIxMjYxMTAy
        MTA0NTAyWjARMQ8wDQYDVQQDDAZ0b2tlbnMwggEiMA0GCSqGSIb3DQEBAQUAA4IB
        DwAwggEKAoIBAQDGOjLsC446sFYu9P2SEHBiiq1jJHZD5r108BuBaXd08YdsR0WW
        clPvuvMfMvEONvLJ9BpNQpcRKPxIn30dX/wXf+hs8rEC1ptV1oK8F2PWhQbw3IBi
        WbHDA4c1VGtSGIJ06i2smkdurMujYcqdOtGJ9MUSCN1MKLaQALLhiO4uhxD2pOoe
        XwOfs6bUKwPpWUEBcN8f1/QiJ7R/BUl/pvd7xJgsFRhN39Q2hZWXF8bQAKFakRWt
        AEApUGPZ4ywO7g1goTruhwKBk+MTaUKwLnXxyMqStUq8zzkoFMFlC8HnfJzxwjCy
        6zzAlPmGZ8xxHQqERv0F1LdPG5y0vOfroDURAgMBAAGjUzBRMB0GA1UdDgQWBBQG
        QAR6a0elHVKCNra4qQ3iOtox0jAfBgNVHSMEGDAWgBQGQAR6a0elHVKCNra4qQ3i
        Otox0jAPBgNVHRMBAf8EBTADAQH/MA0GCSqGSIb3DQEBCwUAA4IBAQAE15/35PvM
        qS4Lfqip05sn/wou3V2q7f6HVs5AC/gTIO0M3yjaVmNdtkDw9tW3vn37Tss0TcVl
        SMjNJX3qLXyOr+5TTJ7AwUlvuNsXGQsPOb+3+i4GwIl7BCJg9HisE3XqVruS+GGm
        qH8Fe4JnBF0+HL7HVeQRegNw1RvpshvYXfHJQATTCc6E0qsNYJqp8U1K9RUelkaR
        Uy7Zhyt+Chl24Z305kzcczHItEMP/s/RKhsip2L+VhDvCtbDcrDVt1KVaeRi7xo5
        brSU1kizK/Hxs7c8cJfqlEi8tI5jyxRUi5mhuXnPca4Ez28FtVwqihTZvTwXTSiy
        HfUSLPOABcum
        -----END CERTIFICATE-----
        """
    static let es256Certificate = """
        -----BEGIN CERTIFICATE-----
        MIIBejCCAR+gAwIBAgIUImUbH7YNj4wa9HczzmAU09CgevYwCgYIKoZIzj0EAwIw
        ETEPMA0GA1UEAwwGdG9rZW5zMCAXDTI2MTEyNjEwNDUwMloYDzIxMjYxMTAyMTA0
        NTAyWjARMQ8wDQYDVQQDDAZ0b2tlbnMwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNC
        AATixApVjB88YgTrB4geJT9yh/zUdvwSm903UibhgiLdAQLaF7bkFhz/xA5tiEPO
        SnCUy4k7ihrYujNoRtJJM+Jxo1MwUTAdBgNVHQ4EFgQUlHFTyU0KAgo+Cc1H0Wfy
        rLS9irQwHwYDVR0jBBgwFoAUlHFTyU0KAgo+Cc1H0WfyrLS9irQwDwYDVR0TAQH/
        BAUwAwEB/zAKBggqhkjOPQQDAgNJADBGAiEA6YJ1MIO92Z/tgJOxKInBmYg4NrIk
        mB6mddhj4UL4rF4CIQCtIxRADLXvWwrjWC8n9orZyAE2ftQvKCUAkGlukcKJMA==
        -----END CERTIFICATE-----
        """
}
