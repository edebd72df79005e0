//  A list of revoked certificates (RFC 5280, 5), as far as etcd looks into it: the serial numbers.

import SwiftASN1

struct RevocationList: Sendable {
    private let serials: Set<[UInt8]>

    /// - Parameter bytes: DER, or PEM with one list.
    init(_ bytes: [UInt8]) throws(TLSError) {
        do {
            serials = try Self.parse(bytes.first == 0x30 ? bytes : Self.unwrapped(bytes))
        } catch {
            throw TLSError("malformed certificate revocation list: \(error)")
        }
    }

    /// - Parameter serial: big-endian.
    func contains(_ serial: some Collection<UInt8>) -> Bool {
        serials.contains(Self.significant(serial))
    }

    /// Without leading zeros.
    private static func significant(_ number: some Collection<UInt8>) -> [UInt8] {
        Array(number.drop { $0 == 0 })
    }

    private static func unwrapped(_ bytes: [UInt8]) throws -> [UInt8] {
        try PEMDocument(pemString: String(decoding: bytes, as: UTF8.self)).derBytes
    }

    private static func parse(_ bytes: [UInt8]) throws -> Set<[UInt8]> {
        try DER.sequence(try DER.parse(bytes), identifier: .sequence) { fields in
            guard let list = fields.next() else { throw malformed }
            while fields.next() != nil {}
            return try DER.sequence(list, identifier: .sequence) { fields in
                let serials = try revoked(&fields)
                while fields.next() != nil {}
                return serials
            }
        }
    }

    /// Reads the list proper up to its entries: version (optional), algorithm, issuer, time of this
    /// list, time of the next (optional), entries (optional).
    private static func revoked(_ fields: inout ASN1NodeCollection.Iterator) throws -> Set<[UInt8]>
    {
        var field = fields.next()
        if field?.identifier == .integer { field = fields.next() }
        guard field?.identifier == .sequence, fields.next()?.identifier == .sequence,
            isTime(fields.next())
        else { throw malformed }
        field = fields.next()
        if isTime(field) { field = fields.next() }
        guard let entries = field, entries.identifier == .sequence else { return [] }
        var serials: Set<[UInt8]> = []
        try DER.sequence(entries, identifier: .sequence) { entries in
            while let entry = entries.next() { serials.insert(try serial(of: entry)) }
        }
        return serials
    }

    private static func isTime(_ node: ASN1Node?) -> Bool {
        node?.identifier == .utcTime || node?.identifier == .generalizedTime
    }

    private static func serial(of entry: ASN1Node) throws -> [UInt8] {
        try DER.sequence(entry, identifier: .sequence) { fields in
            guard let number = fields.next(), number.identifier == .integer,
                case .primitive(let bytes) = number.content
            else { throw malformed }
            while fields.next() != nil {}
            return significant(bytes)
        }
    }

    private static var malformed: ASN1Error {
        .invalidASN1Object(reason: "no list of certificates")
    }
}
